//! The content of a checkpoint.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::IngestSettings;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::input_file::FileRecord;

/// Version of the files that this release writes.
pub const VERSION: u32 = 4;

/// Remedy in errors about a checkpoint that can't be used.
pub const REMEDY: &str = "set another file or remove this one to start from the beginning, or restore the \
                          previous settings and input to resume";

/// Content of a checkpoint file. The serialized names are pinned by tests and must not follow renames of the fields. New fields
/// need `#[serde(default)]`, so that older files stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    #[serde(rename = "version")]
    pub version: u32,
    #[serde(rename = "subject")]
    pub settings: IngestSettings,
    /// True if the input was read completely.
    #[serde(rename = "finished")]
    pub is_finished: bool,
    #[serde(rename = "tally")]
    pub stats: IngestStats,
    /// Files that were read completely, in input order.
    #[serde(rename = "finished_files")]
    pub finished_files: Arc<Vec<FileRecord>>,
    /// File that was being read.
    #[serde(rename = "current_file")]
    pub current_file: Option<FileRecord>,
    #[serde(rename = "rejects_bytes")]
    pub rejects_bytes: u64,
    /// Total duration of all runs.
    #[serde(rename = "seconds")]
    pub elapsed_seconds: f64,
}

impl CheckpointState {
    /// Creates the state of a run without progress.
    pub fn new(settings: IngestSettings) -> Self {
        Self {
            version: VERSION,
            settings,
            is_finished: false,
            stats: IngestStats::default(),
            finished_files: Arc::default(),
            current_file: None,
            rejects_bytes: 0,
            elapsed_seconds: 0.0,
        }
    }
}
