//! Options of an ingestion.

use std::sync::Arc;

use crate::model::Model;
use crate::types::{CollectionSpec, LongTextPolicy, Pruning};

/// Options that determine how a client's documents are encoded and stored.
#[derive(Debug)]
pub struct IngestOptions {
    pub model: Arc<Model>,
    /// Collection name, with aliases resolved.
    pub collection: String,
    pub spec: CollectionSpec,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
    /// Payload field that stores the text; empty to not store it.
    pub text_field: String,
    /// Maximum number of points per upsert.
    pub max_batch_points: usize,
    /// Skip documents whose stored point would not change.
    pub skip_unchanged: bool,
    /// Sequence number of the first operation, at least 1.
    pub first_sequence: u64,
}
