//! Skips documents whose stored point would not change, before they are encoded.
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

/// Maximum number of ids per digest lookup in the store.
const MAX_LOOKUP_DOCUMENTS: usize = 1_000;

/// Handle to a client's task that skips unchanged documents. The task ends when the handle is dropped and all documents
/// that were sent have been processed.
#[derive(Debug)]
pub struct UnchangedFilter {
    sender: mpsc::Sender<AdmittedDocument>,
}

impl UnchangedFilter {
    /// Starts the task with a queue of `capacity` documents, one for each that can hold a permit.
    pub fn start(encoder: Arc<DocumentEncoder>, writers: Arc<Writers>, collection: String, capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        tokio::spawn(run_lookups(encoder, writers, collection, receiver).in_current_span());
        Self { sender }
    }

    /// Sends a document. Never waits: the queue has capacity for all permits. If it were full, dropping the document
    /// would report an error.
    pub fn send(&self, admitted: AdmittedDocument) {
        let _sent = self.sender.try_send(admitted);
    }
}

/// Looks up the digests of all waiting documents in one request; more documents accumulate during the request.
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
            // Abandoned documents must not block later changes of their ids while the store is down. Dropping them
            // reports an error.
            () = wait_receipts_abandoned(batch.iter().map(|admitted| &admitted.receipt)) => {
                batch.clear();
                continue;
            }
        };
        match stored_digests {
            Err(error) => {
                tracing::warn!(collection, %error, "digest lookup failed");
                let api_error = to_stream_error(error);
                batch.drain(..).for_each(|admitted| drop(admitted.receipt.finish(Err(api_error.clone()))));
            }
            Ok(stored_digests) => {
                for (admitted, id) in batch.drain(..).zip(ids) {
                    if stored_digests.get(&id) == Some(&admitted.digest) {
                        counter!(names::UNCHANGED).increment(1);
                        drop(admitted.receipt.confirm());
                    } else if encoder.encode(admitted).await.is_err() {
                        // The pipeline is closed; dropping the remaining documents reports an error.
                        return;
                    }
                }
            }
        }
    }
}

/// Fetches the stored digests. Retries like an upsert while the store is unavailable.
async fn fetch_digests(
    writers: &Writers,
    collection: &str,
    ids: &[PointId],
) -> Result<HashMap<PointId, Digest>, StoreError> {
    writers.call_with_retries(|store| store.fetch_digests(collection, ids)).await
}
