//! What a checkpoint holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::subject::Subject;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::tally::Tally;

/// The version of what is written.
pub const VERSION: u32 = 4;

/// What to do about a checkpoint of something else.
pub const REMEDY: &str = "name another file or remove this one to begin anew, or give what it was to go on";

/// What is in the file. The names are the format's, whatever the fields are called; tests hold them. A field that is added
/// needs `#[serde(default)]`, so that files without it stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    #[serde(rename = "version")]
    pub version: u32,
    #[serde(rename = "subject")]
    pub subject: Subject,
    /// Whether the input was read to its end.
    #[serde(rename = "finished")]
    pub finished: bool,
    #[serde(rename = "tally")]
    pub tally: Tally,
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
    pub seconds: f64,
}

impl State {
    pub fn new(subject: Subject) -> Self {
        Self {
            version: VERSION,
            subject,
            finished: false,
            tally: Tally::default(),
            finished_files: Arc::default(),
            current_file: None,
            rejects_bytes: 0,
            seconds: 0.0,
        }
    }
}
