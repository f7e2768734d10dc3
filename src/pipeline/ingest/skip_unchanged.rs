//! Documents that are stored already, as they would be stored again, are told apart before they are encoded.
//!
//! See docs/adr/0040-content-digests.md.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::document_encoder::DocumentEncoder;
use crate::metrics as names;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::errors::to_stream_error;
use crate::pipeline::receipt::wait_receipts_abandoned;
use crate::pipeline::writer::Writers;
use crate::store::StoreError;
use crate::types::{Digest, PointId};

/// The most documents that the store is asked for at once.
const MAX_LOOKUP_DOCUMENTS: usize = 1_000;

/// The way to a client's task that skips unchanged documents. The task ends when this is gone and all that was sent has gone
/// on.
#[derive(Debug)]
pub struct UnchangedFilter {
    sender: mpsc::Sender<AdmittedDocument>,
}

impl UnchangedFilter {
    /// Starts the task, with room for `capacity` documents: for every one that can hold a permit.
    pub fn start(encoder: Arc<DocumentEncoder>, writers: Arc<Writers>, collection: String, capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        tokio::spawn(run_lookups(encoder, writers, collection, receiver).in_current_span());
        Self { sender }
    }

    /// Sends a document. Never waits. Were there no room, its finalizer would answer as it drops.
    pub fn send(&self, admitted: AdmittedDocument) {
        let _sent = self.sender.try_send(admitted);
    }
}

/// Asks for what waits, all at once; meanwhile more comes.
async fn run_lookups(
    encoder: Arc<DocumentEncoder>,
    writers: Arc<Writers>,
    collection: String,
    mut receiver: mpsc::Receiver<AdmittedDocument>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, MAX_LOOKUP_DOCUMENTS).await > 0 {
        batch.retain(|admitted| !admitted.receipt.is_abandoned());
        let ids: Vec<_> = batch.iter().map(|admitted| admitted.document.id.to_point_id()).collect();
        let stored_digests = tokio::select! {
            biased;
            digests = fetch_digests(&writers, &collection, &ids) => digests,
            // Their ids must not wait for a store that is away. The finalizers answer as they drop.
            () = wait_receipts_abandoned(batch.iter().map(|admitted| &admitted.receipt)) => {
                batch.clear();
                continue;
            }
        };
        match stored_digests {
            Err(error) => {
                tracing::warn!(collection, %error, "failed to fetch stored digests");
                let api_error = to_stream_error(error);
                batch.drain(..).for_each(|admitted| drop(admitted.receipt.finish(Err(api_error.clone()))));
            }
            Ok(stored_digests) => {
                for (admitted, id) in batch.drain(..).zip(ids) {
                    if stored_digests.get(&id) == Some(&admitted.digest) {
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
async fn fetch_digests(
    writers: &Writers,
    collection: &str,
    ids: &[PointId],
) -> Result<HashMap<PointId, Digest>, StoreError> {
    writers.call_with_retries(|store| store.fetch_digests(collection, ids)).await
}
