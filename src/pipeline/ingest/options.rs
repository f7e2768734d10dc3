//! How a client's documents are encoded and stored.

use std::sync::Arc;

use crate::model::Model;
use crate::types::{CollectionSpec, LongTextPolicy, Pruning};

/// How a client's documents are encoded and stored.
#[derive(Debug)]
pub struct IngestOptions {
    pub model: Arc<Model>,
    /// The collection's own name.
    pub collection: String,
    pub spec: CollectionSpec,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
    /// The payload field that keeps the text; empty to keep none.
    pub text_field: String,
    /// The most points of one upsert.
    pub max_batch_points: usize,
    /// Whether documents that are stored already, as they would be stored again, are left as they are.
    pub skip_unchanged: bool,
    /// Sequence number of the first operation, at least 1.
    pub first_sequence: u64,
}
