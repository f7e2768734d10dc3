//! Packs operations into messages of a bounded size.

use bytes::Bytes;
use prost::Message as _;

use crate::cli::ingest::line_batcher::{MAX_BATCH_BYTES, MAX_BATCH_LINES};
use crate::proto::{Operation, operation};

/// Encoded operations of the next message.
#[derive(Debug, Default)]
pub struct OperationBatch {
    operations: Vec<Bytes>,
    bytes: usize,
}

impl OperationBatch {
    /// Adds the upsert of an encoded document. Returns false if the message is full.
    pub fn push(&mut self, document: &Bytes) -> bool {
        let is_full = self.operations.len() == MAX_BATCH_LINES || self.bytes + document.len() > MAX_BATCH_BYTES;
        if is_full && !self.operations.is_empty() {
            return false;
        }
        self.bytes += document.len();
        self.operations.push(to_operation(document));
        true
    }

    /// Returns the operations; `None` if there are none.
    pub fn into_operations(self) -> Option<Vec<Bytes>> {
        Some(self.operations).filter(|operations| !operations.is_empty())
    }
}

/// Encodes the upsert of an encoded document.
fn to_operation(document: &Bytes) -> Bytes {
    let kind = Some(operation::Kind::Upsert(document.clone()));
    Operation { kind, ..Operation::default() }.encode_to_vec().into()
}
