//! Events that the reader thread sends to the sender.

use std::fmt;

use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::input_position::InputPosition;

/// Event of the reader thread: batches of lines, notices and file ends, then the end of the input.
#[derive(Debug)]
pub enum InputEvent {
    Lines(Vec<IngestLine>),
    /// End of a file; all its lines were sent before.
    FileEnd(FileEnd),
    /// Human-readable notice about the input.
    Notice(String),
    /// Restart: all files are read again after this number of lines.
    Restart(u64),
    End(InputEnd),
}

/// End of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEnd {
    /// Number of lines of the whole input up to the end of this file.
    pub lines_read: u64,
    /// Index of the file in the input, from 0.
    pub file_index: usize,
    /// Record of the file for the checkpoint; `None` for a rotated or followed file.
    pub record: Option<FileRecord>,
    pub held_back: Option<HeldBackRecord>,
}

/// Unterminated last record of a file, which may still be incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBackRecord {
    pub file: String,
    /// Number of its first line or of its row, from 1.
    pub number: u64,
}

/// End of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEnd {
    pub position: InputPosition,
    /// Number of lines of other shards after the last line of this shard.
    pub other_shard_lines: u64,
}

impl fmt::Display for HeldBackRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, number } = self;
        write!(
            f,
            "{file}: the last record (line or row {number}) has no line end and may be incomplete; it was held back, and the \
             next run ingests it once it is complete; pass --final to ingest it now"
        )
    }
}
