//! The input, read on a thread of its own: file after file, each by the reader of its format.
//!
//! A reader gives the records of one file in their order: lines, or rows, with the documents that they stand for. What all
//! have in common is here: places, shards and batches.

mod compressed;
mod csv;
mod follow;
mod format;
mod jsonl;
mod parquet;
pub mod paths;
mod pieces;
mod text;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use self::compressed::Bytes;
use self::csv::CsvRows;
pub use self::csv::{CellType, Dialect};
use self::follow::Tail;
pub use self::follow::check as check_followed;
pub use self::format::Format;
use self::jsonl::JsonLines;
use self::parquet::ParquetRows;
use self::paths::Source;
use self::pieces::Pieces;
use self::text::{TextFile, TextLines};
use super::batch::{Batcher, Line, Place};
use super::mapping::{Mapping, encode};
use super::shard::Part;
use crate::proto::{Document, ItemError};

/// How many batches wait to be sent.
const QUEUE: usize = 2;

/// What the thread hands over, in order; an error ends it.
pub type Batches = mpsc::Receiver<anyhow::Result<Batch>>;

/// Lines, and at last the end.
#[derive(Debug)]
pub enum Batch {
    Lines(Vec<Line>),
    End(End),
}

/// The end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub place: Place,
    /// How many lines of other shards came after the last line of this one.
    pub passed: u64,
}

/// What is made of the lines, and of which ones.
#[derive(Debug, Clone)]
pub struct Plan {
    pub mapping: Mapping,
    pub dialect: Dialect,
    pub part: Part,
    /// How often a file that grows is looked at; `None` to end where it ends.
    pub follow: Option<Duration>,
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
}

#[expect(clippy::large_enum_variant, reason = "nearly all of them are records, and each is taken apart at once")]
pub enum Next {
    Record(Record),
    /// A line that counts as one, but holds nothing.
    Blank,
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
    pub document: Result<Document, ItemError>,
}

/// How far a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct At {
    pub rows: u64,
    /// Where the next line begins; 0 where no place can be sought.
    pub offset: u64,
    /// Of the file as it is on the disk.
    pub bytes: u64,
}

/// Starts the thread. It ends with the input, or when the batches are no longer received. It is never waited for,
/// since it may be stuck in a read of a terminal.
pub fn spawn(input: Input, plan: Plan) -> std::io::Result<Batches> {
    let (sender, batches) = mpsc::channel(QUEUE);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let send = |lines| sender.blocking_send(Ok(Batch::Lines(lines))).is_ok();
        let last = match input.read(&plan, send) {
            Ok(None) => return,
            Ok(Some(end)) => Ok(Batch::End(end)),
            Err(error) => Err(error),
        };
        // Nobody listens any more: then there is nobody to tell.
        let _ = sender.blocking_send(last);
    })?;
    Ok(batches)
}

/// The files, from where an earlier run was done with them.
pub struct Input {
    sources: Arc<[Source]>,
    place: Place,
    /// How many lines of the whole are done with.
    skip: u64,
    opened: Option<Opened>,
}

/// An open file, and how much is before it.
struct Opened {
    records: Box<dyn Records>,
    file: usize,
    inode: u64,
    lines: u64,
    bytes: u64,
}

impl Input {
    /// Opens the first file, at the place where an earlier run was done with it. Blocks.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(sources: Arc<[Source]>, done: Place, plan: &Plan) -> anyhow::Result<Self> {
        // `--skip` knows nothing but a number of lines.
        let place = if done == (Place { lines: done.lines, ..Place::default() }) { Place::default() } else { done };
        let mut input = Self { sources, place, skip: done.lines, opened: None };
        input.open_here(plan)?;
        Ok(input)
    }

    /// Reads all there is, in batches, until `send` says that nobody wants more: then there is no end. A batch is sent as
    /// soon as the next read might block, so a slow producer's lines don't wait for each other.
    ///
    /// # Errors
    /// If a file can't be read on; the message names it.
    pub fn read(mut self, plan: &Plan, mut send: impl FnMut(Vec<Line>) -> bool) -> anyhow::Result<Option<End>> {
        let mut batcher = Batcher::default();
        let mut passed = 0;
        while let Some(mut opened) = self.opened.take() {
            let name = self.file_name();
            loop {
                if opened.records.may_wait() && batcher.take().is_some_and(|batch| !send(batch)) {
                    return Ok(None);
                }
                let row = self.place.row;
                let next = opened.records.next().with_context(|| format!("{name}, after line or row {row}"))?;
                self.place = opened.place();
                let record = match next {
                    Next::Record(record) if self.place.lines > self.skip => record,
                    Next::Record(_) | Next::Blank => continue,
                    Next::End => break,
                };
                let full = match record.into_line(self.place, passed, &name, plan) {
                    Some(line) => {
                        passed = 0;
                        batcher.push(line)
                    }
                    None => {
                        passed += 1;
                        None
                    }
                };
                if full.is_some_and(|batch| !send(batch)) {
                    return Ok(None);
                }
            }
            self.open_next(plan)?;
        }
        let unwanted = batcher.take().is_some_and(|batch| !send(batch));
        Ok((!unwanted).then_some(End { place: self.place, passed }))
    }

    /// A file that is followed is opened again by its name. Else the next one is; the place stays at the end of the last,
    /// which may grow.
    fn open_next(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let file = if plan.follow.is_some() { self.place.file } else { self.place.file + 1 };
        if file < self.sources.len() {
            self.place = Place { file, row: 0, offset: 0, ..self.place };
            self.open_here(plan)?;
        }
        Ok(())
    }

    fn open_here(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let Some(source) = self.sources.get(self.place.file) else { return Ok(()) };
        let mut inode = 0;
        let bytes = match plan.follow {
            _ if source.format == Format::Parquet => None,
            None => Some(Bytes::open(source)?),
            Some(interval) => {
                let tail = Tail::open(&source.path, interval)?;
                inode = tail.inode();
                if !tail.has(self.place)? {
                    self.place = Place { row: 0, offset: 0, ..self.place };
                }
                Some(Bytes::followed(tail)?)
            }
        };
        let before = match plan.follow {
            Some(_) => self.place.bytes.saturating_sub(self.place.offset),
            None => self.sources.iter().take(self.place.file).filter_map(|source| source.bytes).sum(),
        };
        let records = open(source, bytes, self.place, plan);
        let records = records.with_context(|| format!("can't read {}", source.path.display()))?;
        let lines = self.place.lines - self.place.row.min(self.place.lines);
        self.opened = Some(Opened { records, file: self.place.file, inode, lines, bytes: before });
        Ok(())
    }

    fn file_name(&self) -> Arc<str> {
        let source = self.sources.get(self.place.file);
        source.map(|source| source.path.display().to_string()).unwrap_or_default().into()
    }
}

/// The reader of a file's format, at a place in it if that can be sought, else at its beginning.
fn open(source: &Source, bytes: Option<Bytes>, place: Place, plan: &Plan) -> anyhow::Result<Box<dyn Records>> {
    let mapping = plan.mapping.clone();
    let Some(bytes) = bytes else { return Ok(Box::new(ParquetRows::open(&source.path, mapping, place.row)?)) };
    let lines = |bytes| -> std::io::Result<Pieces> {
        let mut pieces = Pieces::new(bytes);
        pieces.seek(place.row, place.offset)?;
        Ok(pieces)
    };
    let csv = |bytes, dialect| CsvRows::open(Pieces::new(bytes), plan.mapping.clone(), dialect, place);
    Ok(match source.format {
        Format::Text => Box::new(TextFile::new(bytes, source.bytes, source.name.clone(), mapping)),
        Format::Lines => Box::new(TextLines { pieces: lines(bytes)?, name: source.name.clone(), mapping }),
        Format::Csv => Box::new(csv(bytes, plan.dialect.clone())?),
        Format::Tsv => Box::new(csv(bytes, Dialect { delimiter: b'\t', ..plan.dialect.clone() })?),
        Format::Jsonl | Format::Parquet => Box::new(JsonLines { pieces: lines(bytes)?, mapping }),
    })
}

impl Opened {
    fn place(&self) -> Place {
        let At { rows, offset, bytes } = self.records.at();
        let (lines, bytes) = (self.lines + rows, self.bytes + bytes);
        Place { lines, bytes, file: self.file, row: rows, offset, inode: self.inode }
    }
}

impl Record {
    /// The line, if it is of this run's part.
    fn into_line(self, place: Place, passed: u64, file: &Arc<str>, plan: &Plan) -> Option<Line> {
        if !plan.part.has(&self.content, self.document.as_ref().ok()) {
            return None;
        }
        let text = self.is_whole.then(|| {
            String::from_utf8(self.content)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        });
        let document = self.document.and_then(|document| encode(&document)).map(Into::into);
        Some(Line { place, file: Arc::clone(file), number: self.number, passed, text, document })
    }
}

#[cfg(test)]
mod tests;
