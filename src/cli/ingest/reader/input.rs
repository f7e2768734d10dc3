//! The files of the input, one after the other, from where an earlier run was done with them.

mod outlet;
mod rotation;

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};

use self::outlet::{Outlet, Unwanted};
use super::compare::digest_file;
use super::compressed::Bytes;
use super::content::Content;
use super::csv::{CsvRows, Dialect};
use super::follow::{Follow, Tail};
use super::format::Format;
use super::json::Json;
use super::named_fields;
#[cfg(feature = "parquet")]
use super::parquet::ParquetRows;
use super::paths::Source;
use super::pieces::Pieces;
use super::resume::Start;
use super::text::{TextFile, TextLines};
use super::{Batch, End, FileEnd, FilePosition, HeldBack, Next, Plan, Records};
use crate::cli::ingest::batcher::Batcher;
use crate::cli::ingest::content_digest::ContentDigest;
use crate::cli::ingest::input_file::{self, FileRecord, InputFile, RecordStart};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::Mapping;

/// The files, from where an earlier run was done with them.
pub struct Input {
    sources: Arc<[Source]>,
    place: InputPosition,
    /// How many lines of the whole are done with.
    skip: u64,
    /// The rest of a file that was rotated, and what came between, which is read before the file that has its name now.
    rotated: VecDeque<Source>,
    /// Whether all files are read again after that.
    begins_anew: bool,
    /// The copy of a log that was emptied: it is read on where the log was left.
    rest_of: Option<PathBuf>,
    /// Where the last record of the open file begins, if it was taken though it has no end.
    partial: Option<InputPosition>,
    /// The file that was followed before, to be looked at again, and how much was read of it.
    left: Option<(File, u64, String)>,
    opened: Option<Opened>,
    /// Whether all of the input is read, so that what is in no record is nowhere.
    is_from_start: bool,
    /// How many records were read.
    records: u64,
}

/// An open file, and how much is before it.
struct Opened {
    records: Box<dyn Records>,
    file: usize,
    info: Arc<InputFile>,
    lines: u64,
    bytes: u64,
    /// Of a format that is read as a whole.
    digest: Option<ContentDigest>,
    /// Whether another file has its name now.
    is_rotated: bool,
    /// The file itself, while it is followed.
    tail: Option<File>,
    /// Set when a file that is followed loses what was read of it.
    is_overwritten: Option<Arc<AtomicBool>>,
}

impl Input {
    /// Opens the first file, where reading starts. Blocks.
    ///
    /// # Errors
    /// If it can't be read, or is not what an earlier run read.
    pub fn open(sources: Arc<[Source]>, start: Start, plan: &Plan) -> anyhow::Result<Self> {
        let Start { place, skip, rotated, begins_anew, .. } = start;
        // Where no place in a file can be sought, what was read is counted again.
        let skip = if place.row > 0 { place.lines } else { skip };
        let is_from_start = place == InputPosition::default() && skip == 0;
        let mut input = Self {
            sources,
            place,
            skip,
            rotated,
            begins_anew,
            rest_of: None,
            opened: None,
            partial: None,
            left: None,
            is_from_start,
            records: 0,
        };
        input.open_here(plan)?;
        let has_columns = input.sources.first().is_some_and(|source| source.format.has_columns());
        if is_from_start && has_columns && input.sources.len() == 1 && plan.follow.is_none() {
            named_fields::check_columns(plan).with_context(|| input.name())?;
        }
        Ok(input)
    }

    fn name(&self) -> String {
        self.sources.get(self.place.file).map(|source| source.path.display().to_string()).unwrap_or_default()
    }

    /// Returns the file that is open.
    pub fn file(&self) -> Option<Arc<InputFile>> {
        self.opened.as_ref().map(|opened| Arc::clone(&opened.info))
    }

    /// Reads all there is, in batches, until `send` says that nobody wants more: then there is no end. A batch is sent as
    /// soon as the next read might block, so a slow producer's lines don't wait for each other.
    ///
    /// # Errors
    /// If a file can't be read on; the message names it.
    pub fn read(mut self, plan: &Plan, mut send: impl FnMut(Batch) -> bool) -> anyhow::Result<Option<End>> {
        let mut outlet = Outlet { batcher: Batcher::default(), passed: 0, send: &mut send };
        while let Some(mut opened) = self.opened.take() {
            let held_back = match self.read_file(&mut opened, plan, &mut outlet)? {
                Ok(held_back) => held_back,
                Err(Unwanted) => return Ok(None),
            };
            let has_copy = opened.is_overwritten() && self.find_copy(&opened, &mut outlet);
            let is_last = self.place.file + 1 >= self.sources.len() && plan.follow.is_none();
            if is_last && self.is_from_start && held_back.is_none() {
                named_fields::check(plan, &self.sources)?;
            }
            // The copy has it again.
            let held_back = held_back.filter(|_| !has_copy);
            if self.end_file(&opened, held_back, plan, &mut outlet).is_err() {
                return Ok(None);
            }
            if !has_copy && self.leave(&mut opened, &mut outlet) {
                self.find_newer(&opened, &mut outlet);
            }
            self.partial = None;
            if plan.follow.as_ref().is_some_and(Follow::is_stopped) && self.rotated.is_empty() {
                break;
            }
            match self.open_next(opened.is_rotated || plan.follow.is_some(), &mut outlet, plan) {
                // It waited for a file to be there.
                Err(_) if plan.follow.as_ref().is_some_and(Follow::is_stopped) => break,
                opened => opened?,
            }
        }
        let passed = outlet.passed;
        self.look_back(&mut outlet);
        ensure!(
            self.place.lines >= self.skip || plan.has_checkpoint,
            "--skip {} is more than the {} lines or rows of the input; give how many were done with",
            self.skip,
            self.place.lines
        );
        Ok(outlet.flush().is_ok().then_some(End { place: self.place, passed }))
    }

    /// Reads an open file to its end. Returns its last record, if that is held back.
    fn read_file(
        &mut self,
        opened: &mut Opened,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> anyhow::Result<Result<Option<HeldBack>, Unwanted>> {
        let name = Arc::clone(&opened.info);
        loop {
            if outlet.notice(&name.name, opened.records.take_notices()).is_err() {
                return Ok(Err(Unwanted));
            }
            if opened.records.may_wait() && outlet.flush().is_err() {
                return Ok(Err(Unwanted));
            }
            let row = self.place.row;
            let next = opened.records.next().with_context(|| format!("{}, after line or row {row}", name.name))?;
            let record = match next {
                Next::Record(record) if !record.is_ended && plan.holds_back() => {
                    return Ok(Ok(Some(HeldBack { file: name.name.clone(), number: record.number })));
                }
                Next::Record(record) => Some(record),
                Next::Blank => None,
                Next::UnendedBlank if plan.holds_back() => return Ok(Ok(None)),
                Next::UnendedBlank | Next::End => {
                    self.place = opened.place();
                    return Ok(Ok(None));
                }
            };
            let before = self.place;
            self.place = opened.place();
            self.records += u64::from(record.is_some());
            if self.records == named_fields::EARLY_RECORDS && record.is_some() && self.is_from_start {
                let notices = named_fields::check_early(plan, &self.sources);
                let _unwanted = outlet.notice(&name.name, notices);
            }
            let mut place = self.place;
            if record.as_ref().is_some_and(|record| !record.is_ended) {
                // If the file grows, the record is another one.
                place = InputPosition { row: before.row, offset: before.offset, digest: before.digest, ..place };
                self.partial = Some(before);
            }
            if let Some(record) = record.filter(|_| self.place.lines > self.skip)
                && outlet.push(record, place, &opened.info, &plan.part).is_err()
            {
                return Ok(Err(Unwanted));
            }
        }
    }

    /// Reports the end of a file.
    fn end_file(
        &self,
        opened: &Opened,
        held_back: Option<HeldBack>,
        plan: &Plan,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), Unwanted> {
        let has_name = !opened.is_rotated && plan.follow.is_none();
        let last_record = self.partial.map(RecordStart::from);
        let record =
            (has_name && plan.keeps_place()).then(|| FileRecord { last_record, ..opened.info.read_up_to(self.place) });
        if record.is_none() && held_back.is_none() {
            return Ok(());
        }
        outlet.flush()?;
        outlet.send(Batch::FileEnd(FileEnd { lines: self.place.lines, file: opened.file, record, held_back }))
    }

    /// Opens what comes after a file: what was rotated, the file that has its name now, or the next one. After the last one
    /// the place stays at its end, for it may grow.
    fn open_next(&mut self, keeps_name: bool, outlet: &mut Outlet<'_>, plan: &Plan) -> anyhow::Result<()> {
        let is_rest = self.rotated.front().is_some_and(|file| self.rest_of.as_ref() == Some(&file.path));
        if !self.rotated.is_empty() {
            if !is_rest {
                self.place = InputPosition { row: 0, offset: 0, digest: None, ..self.place };
            }
            return self.open_here(plan);
        }
        let mut file = if keeps_name { self.place.file } else { self.place.file + 1 };
        if std::mem::take(&mut self.begins_anew) {
            file = 0;
            let _unwanted = outlet.flush().and_then(|()| outlet.send(Batch::Restart(self.place.lines)));
        }
        if file < self.sources.len() {
            self.place = InputPosition { file, row: 0, offset: 0, digest: None, ..self.place };
            self.open_here(plan)?;
        }
        Ok(())
    }

    fn open_here(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let Some(source) = self.sources.get(self.place.file).cloned() else { return Ok(()) };
        let rotated = self.rotated.pop_front();
        let is_rotated = rotated.is_some();
        // Another file's content, and the name that the place is about.
        let source =
            rotated.map_or(source.clone(), |rotated| Source { path: rotated.path, bytes: rotated.bytes, ..source });
        let opened = self.open_source(&source, is_rotated, plan);
        self.opened = Some(opened.with_context(|| format!("can't read {}", source.path.display()))?);
        Ok(())
    }

    fn open_source(&self, source: &Source, is_rotated: bool, plan: &Plan) -> anyhow::Result<Opened> {
        let name = source.path.display().to_string();
        let mut info = InputFile::of(&source.path, &name);
        let (mut is_overwritten, mut followed) = (None, None);
        let follow = plan.follow.as_ref().filter(|_| !is_rotated);
        let bytes = match follow {
            _ if source.format == Format::Parquet => None,
            None => Some(Bytes::open(source, plan.encoding)?),
            Some(follow) => {
                let tail = Tail::open(&source.path, follow)?;
                followed = tail.file().ok();
                info = InputFile { inode: tail.inode(), ..InputFile::of(&source.path, &name) };
                is_overwritten = Some(tail.is_overwritten());
                Some(Bytes::plain_file(tail))
            }
        };
        if is_rotated {
            // A later run looks for it by the name that it had.
            let path = self.sources.get(self.place.file).map(|named| input_file::whole_path(&named.path));
            info.path = path.unwrap_or_default();
        }
        let before = match follow {
            Some(_) => self.place.bytes.saturating_sub(self.place.offset),
            None => self.sources.iter().take(self.place.file).filter_map(|source| source.bytes).sum(),
        };
        let digest = if bytes.is_none() && plan.keeps_place() { Some(digest_file(source)?) } else { None };
        let content = bytes.map(|bytes| Content::new(bytes, plan.keeps_place()).expect(self.place));
        let records = open(source, content, self.place, plan)?;
        let is_same = digest.is_none() || self.place.digest.is_none() || digest == self.place.digest;
        ensure!(is_same, "it changed while it was compared; run the same command again");
        let lines = self.place.lines - self.place.row.min(self.place.lines);
        let file = self.place.file;
        Ok(Opened {
            records,
            file,
            info: Arc::new(info),
            lines,
            bytes: before,
            digest,
            is_rotated,
            tail: followed,
            is_overwritten,
        })
    }
}

/// The reader of a file's format, at a place in it if that can be sought, else at its beginning.
fn open(
    source: &Source,
    content: Option<Content>,
    place: InputPosition,
    plan: &Plan,
) -> anyhow::Result<Box<dyn Records>> {
    ensure!(
        !source.partitions.contains_key(&plan.mapping.id_field),
        "its path has the partition column `{}`, and a file's documents can't all have one id; name the field of the id with --id-field",
        plan.mapping.id_field
    );
    let mapping = Mapping { partitions: source.partitions.clone(), ..plan.mapping.clone() };
    let Some(content) = content else { return open_parquet(source, mapping, place) };
    let is_final = !plan.holds_back();
    let csv = |content, dialect| CsvRows::open(content, mapping.clone(), dialect, place, is_final);
    Ok(match source.format {
        Format::Text => Box::new(TextFile::new(content, source.clone(), mapping)),
        Format::Lines => {
            let pieces = Pieces::after(content, place)?;
            Box::new(TextLines { pieces, name: source.name.clone(), mapping })
        }
        Format::Csv => Box::new(csv(content, plan.dialect.clone())?),
        Format::Tsv => Box::new(csv(content, Dialect { delimiter: b'\t', ..plan.dialect.clone() })?),
        Format::Jsonl | Format::Parquet => Box::new(Json::open(content, mapping, place)?),
    })
}

#[cfg(feature = "parquet")]
fn open_parquet(source: &Source, mapping: Mapping, place: InputPosition) -> anyhow::Result<Box<dyn Records>> {
    Ok(Box::new(ParquetRows::open(&source.path, mapping, place.row)?))
}

/// Listing refuses such a file before anything is read.
#[cfg(not(feature = "parquet"))]
fn open_parquet(_source: &Source, _mapping: Mapping, _place: InputPosition) -> anyhow::Result<Box<dyn Records>> {
    anyhow::bail!(crate::features::missing("Parquet", "parquet"))
}

impl Opened {
    fn is_overwritten(&self) -> bool {
        self.is_overwritten.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn place(&self) -> InputPosition {
        let FilePosition { rows, offset, bytes, digest } = self.records.at();
        let (lines, bytes) = (self.lines + rows, self.bytes + bytes);
        InputPosition { lines, bytes, file: self.file, row: rows, offset, digest: self.digest.or(digest) }
    }
}
