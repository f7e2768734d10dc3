//! What the reader hands over.

use std::fmt;

use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::input_position::InputPosition;

/// Lines, what came to light beside them, and at last the end.
#[derive(Debug)]
pub enum InputEvent {
    Lines(Vec<IngestLine>),
    /// A file was read to its end; its lines came before.
    FileEnd(FileEnd),
    /// A remark about the input, for people.
    Notice(String),
    /// After so many lines, all files are read again.
    Restart(u64),
    End(InputEnd),
}

/// The end of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEnd {
    /// How many lines of the whole input were read up to there.
    pub lines_read: u64,
    /// The file's place in the input, from 0.
    pub file_index: usize,
    /// What was read of it; `None` for one whose place another file has now.
    pub record: Option<FileRecord>,
    pub held_back: Option<HeldBackRecord>,
}

/// A last record that has no end, and may still be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBackRecord {
    pub file: String,
    /// The number of its first line, or of its row, from 1.
    pub number: u64,
}

/// The end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEnd {
    pub position: InputPosition,
    /// How many lines of other shards came after the last line of this one.
    pub other_shard_lines: u64,
}

impl fmt::Display for HeldBackRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, number } = self;
        write!(
            f,
            "{file}: the last record (line or row {number}) has no end and may still be written: it was held back, and the \
             next run takes it when it is complete; give --final to take it as it is"
        )
    }
}
