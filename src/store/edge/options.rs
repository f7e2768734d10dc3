//! Options of the embedded store.

use std::thread;

/// Options of the embedded store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeOptions {
    /// Maximum number of concurrent reads, at least 1; further reads wait.
    pub max_concurrent_reads: usize,
    /// Number of changed points of a collection after which the engine checks whether segments are due to be merged.
    pub optimize_after_points: usize,
}

impl Default for EdgeOptions {
    /// Returns one concurrent read per core, and a merge check every 10,000 points.
    fn default() -> Self {
        let max_concurrent_reads = thread::available_parallelism().map_or(1, usize::from);
        Self { max_concurrent_reads, optimize_after_points: 10_000 }
    }
}
