//! Computes the resume point of a run with a checkpoint by comparing what earlier runs read with the current input.
//!
//! Invariant: after a successful run, the collection equals the result of a single run over the current input (on top of
//! the points that existed before). Reading therefore resumes at the first difference between the input and the checkpoint,
//! and everything after it is read again in order, since the last document with an id wins.
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

/// State of earlier runs, from the checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PreviousRun {
    /// Files that were read to their ends, in input order.
    pub finished_files: Vec<FileRecord>,
    /// File that was being read when the run stopped.
    pub current_file: Option<FileRecord>,
    /// Total counts of lines and bytes.
    pub position: InputPosition,
}

/// Position at which a run starts reading, and what has to be read again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResumePoint {
    pub position: InputPosition,
    /// Unchanged files before the position.
    pub finished_files: Vec<FileRecord>,
    /// Number of lines to skip if no position is known (`--skip`).
    pub skip_lines: u64,
    /// Unread rest of a rotated file and files rotated after it, which are read first.
    pub rotated_files: VecDeque<InputSource>,
    /// True if all files are read again after the rotated ones.
    pub should_restart: bool,
    /// Human-readable notices about changed files.
    pub notices: Vec<String>,
    /// True if files that were read before are read again.
    pub has_rereads: bool,
    /// True if nothing is left to read.
    pub is_complete: bool,
    /// Encoding of the input; offsets refer to the decoded content.
    pub encoding: TextEncoding,
    pub is_following: bool,
}

impl ResumePoint {
    /// Starts at the beginning of the input and skips a number of lines.
    pub fn after_lines(lines: u64) -> Self {
        Self { skip_lines: lines, ..Self::default() }
    }

    /// Compares the sources with the records of earlier runs, file by file. A followed file is never complete.
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
                start.notices.push(format!("{} was read by an earlier run and no longer exists", record.path));
                if record.rows > 0 && start.restart() {
                    return start.limit_notices();
                }
                continue;
            };
            if file_index > start.position.file {
                let name = source.path.display();
                start
                    .notices
                    .push(format!("{name} is new and sorts before files that were already read; those are read again"));
                start.has_rereads = true;
                records.push_front((record, is_finished));
                return start.restart_if_changed(&records, &file_indexes, sources).limit_notices();
            }
            if !start.apply_record(source, record, is_finished, sources) {
                if !records.is_empty() {
                    let name = source.path.display();
                    start.notices.push(format!("{name} has changed; reading it and the files after it again"));
                    start.has_rereads = true;
                }
                return start.restart_if_changed(&records, &file_indexes, sources).limit_notices();
            }
        }
        start.is_complete = start.position.file >= sources.len();
        start.limit_notices()
    }

    /// Restarts at the first file if a file after the position was replaced.
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
            self.notices.push(format!("{} has changed since it was read", changed.path));
            if self.rotated_files.is_empty() {
                self.restart();
            } else {
                self.should_restart = true;
            }
        }
        self
    }

    /// Restarts at the first file, unless the position is at the start already: documents of a replaced file may have overwritten
    /// documents of the files before it. Returns whether the position changed.
    fn restart(&mut self) -> bool {
        if self.finished_files.is_empty() && self.position.row == 0 {
            return false;
        }
        self.notices.push(
            "reading all files again, because files before it may contain documents with the same ids".to_owned(),
        );
        self.finished_files.clear();
        self.position = InputPosition { file: 0, row: 0, offset: 0, digest: None, ..self.position };
        self.has_rereads = true;
        true
    }

    /// Applies the record of the file at the current position. Returns whether that file needs no more reading.
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
                // A last record that was ingested without a line ending may be longer now, so it is read again.
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
                    "{name} was replaced after {} of its lines or rows were read; reading it from the start (documents that \
                     only the old file contained stay in the collection)",
                    record.rows
                ));
                self.has_rereads = true;
                self.restart();
            }
            return;
        };
        self.notices.push(format!("{name} was rotated; the part already read is in {}", found.file.path.display()));
        let is_listed = |file: &InputSource| sources.iter().any(|other| other.path == file.path);
        self.rotated_files = found.unread_files(is_listed).into();
        if !self.rotated_files.is_empty() {
            self.position =
                if self.rotated_files.front() == Some(&found.file) { position_after } else { self.position };
            // Documents of the rotated files may overwrite documents of the files before this one.
            self.should_restart = !self.finished_files.is_empty();
        } else if record.rows > 0 {
            self.restart();
        }
    }

    fn limit_notices(mut self) -> Self {
        let omitted = self.notices.len().saturating_sub(MAX_NOTICES);
        if omitted > 0 {
            self.notices.truncate(MAX_NOTICES);
            self.notices.push(format!("{omitted} more notices about changed files are omitted"));
        }
        self
    }
}
