//! Where a run begins that has a checkpoint: what earlier runs read, compared with the input as it is now.
//!
//! The law: after a run that ends well, the collection has what one run over the input as it is now would have written (over
//! what was there before). So reading goes on at the first place where the input is not what was read, and all that comes
//! after that place is read again, in its order: the last document of an id is the one that stays.
//!
//! See docs/adr/0007-checkpoints-by-content.md.

use std::collections::{HashMap, VecDeque};

use super::byte_stream::TextEncoding;
use super::file_change::{FileChange, detect_change};
use super::input_format::InputFormat;
use super::paths::InputSource;
use super::rotated_log;
use crate::cli::ingest::input_file::{FileRecord, RecordStart, canonicalize_path};
use crate::cli::ingest::input_position::InputPosition;

/// Maximum notices about files, so that a directory of many doesn't fill the terminal.
const MAX_NOTICES: usize = 20;

/// What earlier runs read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PreviousRun {
    /// The files that were read to their ends, in their order.
    pub finished_files: Vec<FileRecord>,
    /// The one that was being read.
    pub current_file: Option<FileRecord>,
    /// The counts of lines and bytes.
    pub position: InputPosition,
}

/// Where reading begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResumePoint {
    pub position: InputPosition,
    /// The files before that place, which are what they were.
    pub finished_files: Vec<FileRecord>,
    /// Lines to leave out, by their number, where no place is known.
    pub skip_lines: u64,
    /// The rest of a file that was rotated, and files that came between: they are read first.
    pub rotated_files: VecDeque<InputSource>,
    /// Whether all files are read again after these.
    pub should_restart: bool,
    /// What was found, for people.
    pub notices: Vec<String>,
    /// Whether files are read again that were read before.
    pub has_rereads: bool,
    /// Whether nothing is left to read.
    pub is_complete: bool,
    /// The encoding that positions are about.
    pub encoding: TextEncoding,
    pub is_following: bool,
}

impl ResumePoint {
    /// Begins at the beginning, and leaves out so many lines.
    pub fn after_lines(lines: u64) -> Self {
        Self { skip_lines: lines, ..Self::default() }
    }

    /// Compares the sources with what earlier runs read of them, file after file. One that is followed has always more.
    pub fn find(
        sources: &[InputSource],
        previous_run: &PreviousRun,
        encoding: TextEncoding,
        is_following: bool,
    ) -> Self {
        let position = InputPosition { file: 0, row: 0, offset: 0, digest: None, ..previous_run.position };
        let mut start = Self { position, encoding, is_following, ..Self::default() };
        let paths: Vec<String> = sources.iter().map(|source| canonicalize_path(&source.path)).collect();
        let file_indexes: HashMap<&str, usize> =
            paths.iter().enumerate().map(|(at, path)| (path.as_str(), at)).collect();
        let mut records = previous_run.finished_files.iter().map(|record| (record, true)).collect::<VecDeque<_>>();
        records.extend(previous_run.current_file.iter().map(|record| (record, false)));
        while let Some((record, is_finished)) = records.pop_front() {
            let file_index = file_indexes.get(record.path.as_str()).copied().filter(|&at| at >= start.position.file);
            let Some((source, file_index)) = file_index.and_then(|at| Some((sources.get(start.position.file)?, at)))
            else {
                start.notices.push(format!("{} was read before and is no longer there", record.path));
                if record.rows > 0 && start.restart() {
                    return start.limit_notices();
                }
                continue;
            };
            if file_index > start.position.file {
                let name = source.path.display();
                start.notices.push(format!("{name} is new and comes before files that were read; they are read again"));
                start.has_rereads = true;
                records.push_front((record, is_finished));
                return start.restart_if_changed(&records, &file_indexes, sources).limit_notices();
            }
            if !start.apply_record(source, record, is_finished, sources) {
                if !records.is_empty() {
                    let name = source.path.display();
                    start.notices.push(format!("{name} is not what it was; it and the files after it are read again"));
                    start.has_rereads = true;
                }
                return start.restart_if_changed(&records, &file_indexes, sources).limit_notices();
            }
        }
        start.is_complete = start.position.file >= sources.len();
        start.limit_notices()
    }

    /// Goes back to the first file, if one of the files behind the place is no longer what it was.
    fn restart_if_changed(
        mut self,
        later_records: &VecDeque<(&FileRecord, bool)>,
        file_indexes: &HashMap<&str, usize>,
        sources: &[InputSource],
    ) -> Self {
        let is_changed = |record: &FileRecord| {
            let source = file_indexes.get(record.path.as_str()).and_then(|&at| sources.get(at));
            source.is_none_or(|source| detect_change(source, record, self.encoding) == FileChange::Replaced)
        };
        let changed =
            later_records.iter().map(|(record, _)| *record).find(|record| record.rows > 0 && is_changed(record));
        if let Some(changed) = changed {
            self.notices.push(format!("{} is no longer what was read of it", changed.path));
            if self.rotated_files.is_empty() {
                self.restart();
            } else {
                self.should_restart = true;
            }
        }
        self
    }

    /// Goes back to the first file, if there is one before the place: documents of a file that is no longer what it was may
    /// have replaced some of the files before it. Returns whether it did.
    fn restart(&mut self) -> bool {
        if self.finished_files.is_empty() && self.position.row == 0 {
            return false;
        }
        self.notices
            .push("all files are read again, since those before it may have documents of the same ids".to_owned());
        self.finished_files.clear();
        self.position = InputPosition { file: 0, row: 0, offset: 0, digest: None, ..self.position };
        self.has_rereads = true;
        true
    }

    /// Takes a record of the file at the place. Returns whether the file is read to its end.
    fn apply_record(
        &mut self,
        source: &InputSource,
        record: &FileRecord,
        is_finished: bool,
        sources: &[InputSource],
    ) -> bool {
        let position_after =
            InputPosition { row: record.rows, offset: record.bytes, digest: record.digest, ..self.position };
        match detect_change(source, record, self.encoding) {
            FileChange::Unchanged if !self.is_following && (is_finished || source.format != InputFormat::Parquet) => {
                self.finished_files.push(record.clone());
                self.position =
                    InputPosition { file: self.position.file + 1, row: 0, offset: 0, digest: None, ..self.position };
                return true;
            }
            FileChange::Appended => {
                // A record that had no end is another one now.
                let last_record = record.last_record;
                let to_position = |last: RecordStart| InputPosition {
                    row: last.rows,
                    offset: last.bytes,
                    digest: last.digest,
                    ..position_after
                };
                self.position = last_record.map_or(position_after, to_position);
            }
            FileChange::Unchanged | FileChange::Unknown => self.position = position_after,
            FileChange::Replaced => self.apply_replaced(source, record, position_after, sources),
        }
        false
    }

    fn apply_replaced(
        &mut self,
        source: &InputSource,
        record: &FileRecord,
        position_after: InputPosition,
        sources: &[InputSource],
    ) {
        let name = source.path.display();
        let found = if source.format.is_line_based() { rotated_log::find(source, record, self.encoding) } else { None };
        let Some(found) = found else {
            if record.rows > 0 {
                self.notices.push(format!(
                    "{name} was replaced after {} of its lines or rows were read; it is read from its beginning (documents \
                     that only the old file had stay in the collection)",
                    record.rows
                ));
                self.has_rereads = true;
                self.restart();
            }
            return;
        };
        self.notices.push(format!("{name} was rotated; what was read of it is in {}", found.file.path.display()));
        let is_listed = |file: &InputSource| sources.iter().any(|other| other.path == file.path);
        self.rotated_files = found.unread_files(is_listed).into();
        if !self.rotated_files.is_empty() {
            self.position =
                if self.rotated_files.front() == Some(&found.file) { position_after } else { self.position };
            // Its documents may replace some of the files before it.
            self.should_restart = !self.finished_files.is_empty();
        } else if record.rows > 0 {
            self.restart();
        }
    }

    fn limit_notices(mut self) -> Self {
        let omitted = self.notices.len().saturating_sub(MAX_NOTICES);
        if omitted > 0 {
            self.notices.truncate(MAX_NOTICES);
            self.notices.push(format!("{omitted} more files are not what they were"));
        }
        self
    }
}
