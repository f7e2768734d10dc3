//! Where a run begins that has a checkpoint: what earlier runs read, compared with the input as it is now.
//!
//! The law: after a run that ends well, the collection has what one run over the input as it is now would have written (over
//! what was there before). So reading goes on at the first place where the input is not what was read, and all that comes
//! after that place is read again, in its order: the last document of an id is the one that stays.

use std::collections::{HashMap, VecDeque};

use super::compare::{Change, compare};
use super::compressed::TextEncoding;
use super::format::Format;
use super::paths::Source;
use super::rotated;
use crate::cli::ingest::input_file::{FileRecord, RecordStart, whole_path};
use crate::cli::ingest::input_position::InputPosition;

/// Maximum notices about files, so that a directory of many doesn't fill the terminal.
const MAX_NOTICES: usize = 20;

/// What earlier runs read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    /// The files that were read to their ends, in their order.
    pub finished: Vec<FileRecord>,
    /// The one that was being read.
    pub current: Option<FileRecord>,
    /// The counts of lines and bytes.
    pub done: InputPosition,
}

/// Where reading begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Start {
    pub place: InputPosition,
    /// The files before that place, which are what they were.
    pub finished: Vec<FileRecord>,
    /// Lines to leave out, by their number, where no place is known.
    pub skip: u64,
    /// The rest of a file that was rotated, and files that came between: they are read first.
    pub rotated: VecDeque<Source>,
    /// Whether all files are read again after these.
    pub begins_anew: bool,
    /// What was found, for people.
    pub notices: Vec<String>,
    /// Whether files are read again that were read before.
    pub reads_again: bool,
    /// Whether nothing is left to read.
    pub is_complete: bool,
    /// The encoding that positions are about.
    pub encoding: TextEncoding,
    pub is_followed: bool,
}

impl Start {
    /// Begins at the beginning, and leaves out so many lines.
    pub fn after_lines(lines: u64) -> Self {
        Self { skip: lines, ..Self::default() }
    }

    /// Compares the sources with what earlier runs read of them, file after file. One that is followed has always more.
    pub fn find(sources: &[Source], earlier: &Earlier, encoding: TextEncoding, is_followed: bool) -> Self {
        let place = InputPosition { file: 0, row: 0, offset: 0, digest: None, ..earlier.done };
        let mut start = Self { place, encoding, is_followed, ..Self::default() };
        let paths: Vec<String> = sources.iter().map(|source| whole_path(&source.path)).collect();
        let positions: HashMap<&str, usize> = paths.iter().enumerate().map(|(at, path)| (path.as_str(), at)).collect();
        let mut records = earlier.finished.iter().map(|record| (record, true)).collect::<VecDeque<_>>();
        records.extend(earlier.current.iter().map(|record| (record, false)));
        while let Some((record, is_finished)) = records.pop_front() {
            let position = positions.get(record.path.as_str()).copied().filter(|&at| at >= start.place.file);
            let Some((source, position)) = position.and_then(|at| Some((sources.get(start.place.file)?, at))) else {
                start.notices.push(format!("{} was read before and is no longer there", record.path));
                if record.rows > 0 && start.begin_anew() {
                    return start.limited();
                }
                continue;
            };
            if position > start.place.file {
                let name = source.path.display();
                start.notices.push(format!("{name} is new and comes before files that were read; they are read again"));
                start.reads_again = true;
                records.push_front((record, is_finished));
                return start.without_lost(&records, &positions, sources).limited();
            }
            if !start.take(source, record, is_finished, sources) {
                if !records.is_empty() {
                    let name = source.path.display();
                    start.notices.push(format!("{name} is not what it was; it and the files after it are read again"));
                    start.reads_again = true;
                }
                return start.without_lost(&records, &positions, sources).limited();
            }
        }
        start.is_complete = start.place.file >= sources.len();
        start.limited()
    }

    /// Goes back to the first file, if one of the files behind the place is no longer what it was.
    fn without_lost(
        mut self,
        behind: &VecDeque<(&FileRecord, bool)>,
        positions: &HashMap<&str, usize>,
        sources: &[Source],
    ) -> Self {
        let is_lost = |record: &FileRecord| {
            let source = positions.get(record.path.as_str()).and_then(|&at| sources.get(at));
            source.is_none_or(|source| compare(source, record, self.encoding) == Change::Replaced)
        };
        let lost = behind.iter().map(|(record, _)| *record).find(|record| record.rows > 0 && is_lost(record));
        if let Some(lost) = lost {
            self.notices.push(format!("{} is no longer what was read of it", lost.path));
            if self.rotated.is_empty() {
                self.begin_anew();
            } else {
                self.begins_anew = true;
            }
        }
        self
    }

    /// Goes back to the first file, if there is one before the place: documents of a file that is no longer what it was may
    /// have replaced some of the files before it. Returns whether it did.
    fn begin_anew(&mut self) -> bool {
        if self.finished.is_empty() && self.place.row == 0 {
            return false;
        }
        self.notices
            .push("all files are read again, since those before it may have documents of the same ids".to_owned());
        self.finished.clear();
        self.place = InputPosition { file: 0, row: 0, offset: 0, digest: None, ..self.place };
        self.reads_again = true;
        true
    }

    /// Takes a record of the file at the place. Returns whether the file is read to its end.
    fn take(&mut self, source: &Source, record: &FileRecord, is_finished: bool, sources: &[Source]) -> bool {
        let behind = InputPosition { row: record.rows, offset: record.bytes, digest: record.digest, ..self.place };
        match compare(source, record, self.encoding) {
            Change::Same if !self.is_followed && (is_finished || source.format != Format::Parquet) => {
                self.finished.push(record.clone());
                self.place = InputPosition { file: self.place.file + 1, row: 0, offset: 0, digest: None, ..self.place };
                return true;
            }
            Change::Grown => {
                // A record that had no end is another one now.
                let last = record.last_record;
                let place = |last: RecordStart| InputPosition {
                    row: last.rows,
                    offset: last.bytes,
                    digest: last.digest,
                    ..behind
                };
                self.place = last.map_or(behind, place);
            }
            Change::Same | Change::Unknown => self.place = behind,
            Change::Replaced => self.take_replaced(source, record, behind, sources),
        }
        false
    }

    fn take_replaced(&mut self, source: &Source, record: &FileRecord, behind: InputPosition, sources: &[Source]) {
        let name = source.path.display();
        let found = if source.format.has_lines() { rotated::find(source, record, self.encoding) } else { None };
        let Some(found) = found else {
            if record.rows > 0 {
                self.notices.push(format!(
                    "{name} was replaced after {} of its lines or rows were read; it is read from its beginning (documents \
                     that only the old file had stay in the collection)",
                    record.rows
                ));
                self.reads_again = true;
                self.begin_anew();
            }
            return;
        };
        self.notices.push(format!("{name} was rotated; what was read of it is in {}", found.file.path.display()));
        let is_listed = |file: &Source| sources.iter().any(|other| other.path == file.path);
        self.rotated = found.unread(is_listed).into();
        if !self.rotated.is_empty() {
            self.place = if self.rotated.front() == Some(&found.file) { behind } else { self.place };
            // Its documents may replace some of the files before it.
            self.begins_anew = !self.finished.is_empty();
        } else if record.rows > 0 {
            self.begin_anew();
        }
    }

    fn limited(mut self) -> Self {
        let left_out = self.notices.len().saturating_sub(MAX_NOTICES);
        if left_out > 0 {
            self.notices.truncate(MAX_NOTICES);
            self.notices.push(format!("{left_out} more files are not what they were"));
        }
        self
    }
}
