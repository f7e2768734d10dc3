//! Handles rotation and truncation of a followed file.

use std::collections::VecDeque;
use std::fs::File;
use std::mem::take;
use std::path::PathBuf;

use super::event_sink::EventSink;
use super::open_file::OpenFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::byte_stream::TextEncoding;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::rotated_log::{self, RotatedLog};

/// Tracks the rotated files of a log.
#[derive(Default)]
pub struct RotationTracker {
    /// Unread rest of a rotated file and files rotated after it, which are read before the current log.
    unread_files: VecDeque<InputSource>,
    /// True if all files are read again after the rotated ones.
    should_restart: bool,
    /// Copy of a truncated log, in which reading continues at the position reached in the log.
    resumed_copy: Option<PathBuf>,
    previous_file: Option<PreviousFile>,
}

/// Followed file that was left, to be checked for late data.
struct PreviousFile {
    file: File,
    /// Size of the file when it was left.
    bytes: u64,
    name: String,
}

impl RotationTracker {
    /// Creates a tracker with the files that an earlier run did not read.
    pub fn new(unread_files: VecDeque<InputSource>, should_restart: bool) -> Self {
        Self { unread_files, should_restart, ..Self::default() }
    }

    /// Returns whether no rotated files are left to read.
    pub fn is_empty(&self) -> bool {
        self.unread_files.is_empty()
    }

    /// Returns whether reading of the next file continues at the current position.
    pub fn is_next_resumed(&self) -> bool {
        self.unread_files.front().is_some_and(|file| self.resumed_copy.as_ref() == Some(&file.path))
    }

    /// Takes the next rotated file.
    pub fn take_next(&mut self) -> Option<InputSource> {
        self.unread_files.pop_front()
    }

    /// Returns whether all files are read again now, and clears the flag.
    pub fn take_restart(&mut self) -> bool {
        take(&mut self.should_restart)
    }

    /// Looks for the copy of a log that was truncated while it was followed. Returns whether the copy has unread content.
    pub fn find_copy(
        &mut self,
        source: &InputSource,
        finished_file: &OpenFile,
        position: InputPosition,
        sink: &mut EventSink<'_>,
    ) -> bool {
        let name = &finished_file.input_file.name;
        // A notice that can't be sent has no reader; the next send of records ends the run.
        let Some(found) = find_rotated(source, finished_file, position) else {
            let message = "was truncated or overwritten, and its directory contains no copy of it; lines that were added shortly \
                           before are not ingested";
            let _closed = sink.send_notice(format!("{name} {message}"));
            return false;
        };
        let _closed = sink
            .send_notice(format!("{name} was truncated; the part already read is in {}", found.file.path.display()));
        self.unread_files = found.unread_files(|_| false).into();
        self.resumed_copy = Some(found.file.path);
        self.is_next_resumed()
    }

    /// Looks for files that were rotated between the followed one and the current log.
    pub fn find_newer(
        &mut self,
        source: &InputSource,
        finished_file: &OpenFile,
        position: InputPosition,
        sink: &mut EventSink<'_>,
    ) {
        let Some(found) = find_rotated(source, finished_file, position) else { return };
        self.resumed_copy = None;
        self.unread_files = found.unread_files(|file| file.path == found.file.path).into();
        for file in &self.unread_files {
            let _closed = sink.send_notice(format!("{} was rotated in the meantime; reading it", file.path.display()));
        }
    }

    /// Keeps the handle of a followed file that was rotated. Returns false for any other file.
    pub fn leave_rotated(&mut self, finished_file: &mut OpenFile, sink: &mut EventSink<'_>) -> bool {
        let Some(file) = finished_file.take_rotated_file() else { return false };
        self.report_late_lines(sink);
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        self.previous_file = Some(PreviousFile { file, bytes, name: finished_file.input_file.name.clone() });
        true
    }

    /// Reports data that was added to a rotated file after it was left.
    pub fn report_late_lines(&mut self, sink: &mut EventSink<'_>) {
        let Some(PreviousFile { file, bytes, name }) = self.previous_file.take() else { return };
        if file.metadata().map_or(0, |metadata| metadata.len()) > bytes {
            let message = "lines were added to the rotated file after it was read to its end; they are not ingested";
            let _closed = sink.send_notice(format!("{name}: {message}"));
        }
    }
}

fn find_rotated(source: &InputSource, finished_file: &OpenFile, position: InputPosition) -> Option<RotatedLog> {
    rotated_log::find(source, &finished_file.input_file.to_record(position), TextEncoding::Utf8)
}
