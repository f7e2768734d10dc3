//! The options of the embedded store.

use std::thread;

/// How the embedded store works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeOptions {
    /// The most reads at once, at least 1; others wait.
    pub max_concurrent_reads: usize,
    /// After how many changed points of a collection its segments are merged where the engine finds it due.
    pub optimize_after_points: usize,
}

impl Default for EdgeOptions {
    /// As many reads as there are cores; a merge every 10,000 points.
    fn default() -> Self {
        let max_concurrent_reads = thread::available_parallelism().map_or(1, usize::from);
        Self { max_concurrent_reads, optimize_after_points: 10_000 }
    }
}
