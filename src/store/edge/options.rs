//! The options of the embedded store.

use std::thread;

/// How the embedded store works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeOptions {
    /// The most reads at once, at least 1; others wait.
    pub concurrent_reads: usize,
    /// After how many changed points of a collection its segments are merged where the engine finds it due.
    pub merge_every: usize,
}

impl Default for EdgeOptions {
    /// As many reads as there are cores; a merge every 10,000 points.
    fn default() -> Self {
        let concurrent_reads = thread::available_parallelism().map_or(1, usize::from);
        Self { concurrent_reads, merge_every: 10_000 }
    }
}
