//! How points are written.

use std::time::Duration;

/// How points are written.
#[derive(Debug, Clone, Copy)]
pub struct WriterConfig {
    /// The most bytes of one upsert.
    pub max_batch_bytes: usize,
    /// The longest time that a point waits for others.
    pub max_batch_age: Duration,
    /// The most upserts and deletes in flight for one collection.
    pub max_in_flight: usize,
    /// How long a write is retried, counted from when its oldest point came.
    pub retry_timeout: Duration,
}
