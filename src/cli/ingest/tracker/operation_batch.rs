//! A message of operations.

use bytes::Bytes;
use prost::Message as _;

use crate::cli::ingest::line_batcher::{MAX_BATCH_BYTES, MAX_BATCH_LINES};
use crate::proto::{Operation, operation};

/// The operations of a message that is being packed.
#[derive(Debug, Default)]
pub struct OperationBatch {
    operations: Vec<Bytes>,
    bytes: usize,
}

impl OperationBatch {
    /// Adds the operation that stores a document, encoded. Returns whether there was room for it.
    pub fn push(&mut self, document: &Bytes) -> bool {
        let is_full = self.operations.len() == MAX_BATCH_LINES || self.bytes + document.len() > MAX_BATCH_BYTES;
        if is_full && !self.operations.is_empty() {
            return false;
        }
        self.bytes += document.len();
        self.operations.push(to_operation(document));
        true
    }

    /// Returns what there is.
    pub fn into_operations(self) -> Option<Vec<Bytes>> {
        Some(self.operations).filter(|operations| !operations.is_empty())
    }
}

/// The operation that stores a document, encoded.
fn to_operation(document: &Bytes) -> Bytes {
    let kind = Some(operation::Kind::Upsert(document.clone()));
    Operation { kind, ..Operation::default() }.encode_to_vec().into()
}
