//! What a checkpoint holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::IngestSettings;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::input_file::FileRecord;

/// The version of what is written.
pub const VERSION: u32 = 4;

/// What to do about a checkpoint of something else.
pub const REMEDY: &str = "name another file or remove this one to begin anew, or give what it was to go on";

/// What is in the file. The names are the format's, whatever the fields are called; tests hold them. A field that is added
/// needs `#[serde(default)]`, so that files without it stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    #[serde(rename = "version")]
    pub version: u32,
    #[serde(rename = "subject")]
    pub settings: IngestSettings,
    /// Whether the input was read to its end.
    #[serde(rename = "finished")]
    pub is_finished: bool,
    #[serde(rename = "tally")]
    pub stats: IngestStats,
    /// The files that were read to their ends, in their order.
    #[serde(rename = "finished_files")]
    pub finished_files: Arc<Vec<FileRecord>>,
    /// The one that is being read.
    #[serde(rename = "current_file")]
    pub current_file: Option<FileRecord>,
    #[serde(rename = "rejects_bytes")]
    pub rejects_bytes: u64,
    /// How long all runs took together.
    #[serde(rename = "seconds")]
    pub elapsed_seconds: f64,
}

impl CheckpointState {
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
