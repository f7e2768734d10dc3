//! Documents that are stored already, as they would be stored again, are told apart before they are encoded.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::document_encoder::DocumentEncoder;
use crate::metrics as names;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::faults::stream_fault;
use crate::pipeline::receipt::all_receipts_abandoned;
use crate::pipeline::writer::Writers;
use crate::store::StoreError;
use crate::types::{Digest, PointId};

/// The most documents that the store is asked for at once.
const DOCUMENTS: usize = 1_000;

/// The way to a client's task that skips unchanged documents. The task ends when this is gone and all that was sent has gone
/// on.
#[derive(Debug)]
pub struct SkipUnchanged {
    admitted: mpsc::Sender<AdmittedDocument>,
}

impl SkipUnchanged {
    /// Starts the task, with room for `capacity` documents: for every one that can hold a permit.
    pub fn start(encoder: Arc<DocumentEncoder>, writers: Arc<Writers>, collection: String, capacity: usize) -> Self {
        let (admitted, waiting) = mpsc::channel(capacity);
        tokio::spawn(run(encoder, writers, collection, waiting).in_current_span());
        Self { admitted }
    }

    /// Sends a document. Never waits. Were there no room, its finalizer would answer as it drops.
    pub fn send(&self, admitted: AdmittedDocument) {
        let _sent = self.admitted.try_send(admitted);
    }
}

/// Asks for what waits, all at once; meanwhile more comes.
async fn run(
    encoder: Arc<DocumentEncoder>,
    writers: Arc<Writers>,
    collection: String,
    mut waiting: mpsc::Receiver<AdmittedDocument>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, DOCUMENTS).await > 0 {
        batch.retain(|admitted| !admitted.receipt.is_abandoned());
        let ids: Vec<_> = batch.iter().map(|admitted| admitted.document.id.point_id()).collect();
        let stored = tokio::select! {
            biased;
            stored = digests(&writers, &collection, &ids) => stored,
            // Their ids must not wait for a store that is away. The finalizers answer as they drop.
            () = all_receipts_abandoned(batch.iter().map(|admitted| &admitted.receipt)) => {
                batch.clear();
                continue;
            }
        };
        match stored {
            Err(error) => {
                tracing::warn!(collection, %error, "failed to fetch stored digests");
                let fault = stream_fault(error);
                batch.drain(..).for_each(|admitted| drop(admitted.receipt.finish(Err(fault.clone()))));
            }
            Ok(stored) => {
                for (admitted, id) in batch.drain(..).zip(ids) {
                    if stored.get(&id) == Some(&admitted.digest) {
                        counter!(names::UNCHANGED).increment(1);
                        drop(admitted.receipt.confirm());
                    } else if encoder.encode(admitted).await.is_err() {
                        // The pipeline is closed; what is left answers as it drops.
                        return;
                    }
                }
            }
        }
    }
}

/// As an upsert is, this is tried again while the store can't answer.
async fn digests(writers: &Writers, collection: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
    writers.retrying(|store| store.digests(collection, ids)).await
}
