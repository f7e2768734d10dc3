//! The input, read on a thread of its own: file after file, each by the reader of its format.
//!
//! A reader gives the records of one file in their order: lines, or rows, with the documents that they stand for. What all
//! have in common is here: places, shards and batches.

pub mod compare;
mod compressed;
mod content;
mod csv;
mod follow;
mod format;
mod input;
mod json;
mod json_array;
mod jsonl;
mod line_ends;
mod named_fields;
#[cfg(feature = "parquet")]
mod parquet;
pub mod paths;
mod pieces;
pub mod resume;
mod rotated;
mod text;

use std::fmt;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

pub use self::compressed::TextEncoding;
use self::content::Content;
pub use self::csv::{CellType, Dialect};
pub use self::follow::Follow;
pub use self::follow::check as check_followed;
pub use self::format::Format;
pub use self::input::Input;
pub use self::pieces::MAX_PIECE_BYTES;
use super::batch::{Line, Place};
use super::content_digest::ContentDigest;
use super::input_file::{FileRecord, InputFile};
use super::mapping::{Mapping, encode};
use super::shard::Part;
use crate::proto::{Document, ItemError};

/// How many batches wait to be sent.
const QUEUE: usize = 2;

/// What the thread hands over, in order; an error ends it.
pub type Batches = mpsc::Receiver<anyhow::Result<Batch>>;

/// Lines, what came to light beside them, and at last the end.
#[derive(Debug)]
pub enum Batch {
    Lines(Vec<Line>),
    /// A file was read to its end; its lines came before.
    FileEnd(FileEnd),
    /// A remark about the input, for people.
    Notice(String),
    /// After so many lines, all files are read again.
    Restart(u64),
    End(End),
}

/// The end of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEnd {
    /// How many lines of the whole input were read up to there.
    pub lines: u64,
    /// The file's place in the input, from 0.
    pub file: usize,
    /// What was read of it; `None` for one whose place another file has now.
    pub record: Option<FileRecord>,
    pub held_back: Option<HeldBack>,
}

/// A last record that has no end, and may still be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    pub file: String,
    /// The number of its first line, or of its row, from 1.
    pub number: u64,
}

/// The end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub place: Place,
    /// How many lines of other shards came after the last line of this one.
    pub passed: u64,
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, number } = self;
        write!(
            f,
            "{file}: the last record (line or row {number}) has no end and may still be written: it was held back, and the \
             next run takes it when it is complete; give --final to take it as it is"
        )
    }
}

/// What is made of the lines, and of which ones.
#[derive(Debug, Clone)]
pub struct Plan {
    pub mapping: Mapping,
    pub dialect: Dialect,
    /// Character encoding of text inputs.
    pub encoding: TextEncoding,
    pub part: Part,
    /// How a file that grows is followed; `None` to end where it ends.
    pub follow: Option<Follow>,
    /// Whether a checkpoint keeps the place, so that a later run may go on.
    pub has_checkpoint: bool,
    /// Whether a last record without an end is taken as it is.
    pub is_final: bool,
}

impl Plan {
    /// Tells whether a last record without an end is left to a later run.
    fn holds_back(&self) -> bool {
        self.keeps_place() && !self.is_final
    }

    /// Tells whether places are compared with files, now or by a later run.
    fn keeps_place(&self) -> bool {
        self.has_checkpoint || self.follow.is_some()
    }
}

/// The records of one file, in order.
pub trait Records: Send {
    /// # Errors
    /// If the file can't be read on.
    fn next(&mut self) -> anyhow::Result<Next>;

    /// How far the file is read.
    fn at(&self) -> At;

    /// Whether the next one may have to be waited for.
    fn may_wait(&self) -> bool {
        false
    }

    /// Takes the remarks about the file, for people.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

#[expect(clippy::large_enum_variant, reason = "nearly all of them are records, and each is taken apart at once")]
pub enum Next {
    Record(Record),
    /// A line that counts as one, but holds nothing.
    Blank,
    /// Blanks without a line's end, at the end of the file: they may be the beginning of a record.
    UnendedBlank,
    End,
}

/// A line or row that isn't blank.
pub struct Record {
    /// The number by which a person finds it in its file, from 1: of its first line, or of its row.
    pub number: u64,
    /// As it is in the file; a row of Parquet as JSON.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Whether it has an end: the last one of a file may still be written.
    pub is_ended: bool,
    pub document: Result<Document, ItemError>,
}

/// How far a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct At {
    pub rows: u64,
    /// Where the next record begins in the content; 0 where no place can be sought.
    pub offset: u64,
    /// Of the file as it is on the disk.
    pub bytes: u64,
    /// The digest of the content up to there, if it is needed.
    pub digest: Option<ContentDigest>,
}

impl At {
    fn of(rows: u64, content: &Content) -> Self {
        Self { rows, offset: content.offset(), bytes: content.bytes_on_disk(), digest: content.digest() }
    }
}

/// Starts the thread. It ends with the input, or when the batches are no longer received. It is never waited for,
/// since it may be stuck in a read of a terminal.
pub fn spawn(input: Input, plan: Plan) -> std::io::Result<Batches> {
    let (sender, batches) = mpsc::channel(QUEUE);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let last = match input.read(&plan, |batch| sender.blocking_send(Ok(batch)).is_ok()) {
            Ok(None) => return,
            Ok(Some(end)) => Ok(Batch::End(end)),
            Err(error) => Err(error),
        };
        // Nobody listens any more: then there is nobody to tell.
        let _ = sender.blocking_send(last);
    })?;
    Ok(batches)
}

impl Record {
    /// The line, if it is of this run's part.
    fn into_line(self, place: Place, passed: u64, file: &Arc<InputFile>, plan: &Plan) -> Option<Line> {
        if !plan.part.has(&self.content, self.document.as_ref().ok()) {
            return None;
        }
        let text = self.is_whole.then_some(self.content);
        let document = self.document.and_then(|document| encode(&document)).map(Into::into);
        Some(Line { place, file: Arc::clone(file), number: self.number, passed, text, document })
    }
}

#[cfg(test)]
mod tests;
