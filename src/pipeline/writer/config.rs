//! Configuration of the writers.

use std::time::Duration;

/// Limits of batches and writes.
#[derive(Debug, Clone, Copy)]
pub struct WriterConfig {
    /// Maximum bytes per upsert.
    pub max_batch_bytes: usize,
    /// Maximum time that a point waits for others.
    pub max_batch_age: Duration,
    /// Maximum number of upserts and deletes in flight per collection.
    pub max_in_flight: usize,
    /// Maximum time during which a write is retried, counted from the arrival of its oldest point.
    pub retry_timeout: Duration,
}
