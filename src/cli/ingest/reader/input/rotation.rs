//! What becomes of a file that is followed, when its name is another file's or its content is gone.

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

/// Files that had the name of one that is read.
#[derive(Default)]
pub struct RotationTracker {
    /// The rest of a file that was rotated, and what came between, which is read before the file that has its name now.
    unread_files: VecDeque<InputSource>,
    /// Whether all files are read again after that.
    should_restart: bool,
    /// The copy of a log that was emptied: it is read on where the log was left.
    resumed_copy: Option<PathBuf>,
    previous_file: Option<PreviousFile>,
}

/// The file that was followed before, to be looked at again.
struct PreviousFile {
    file: File,
    /// How much was read of it.
    bytes: u64,
    name: String,
}

impl RotationTracker {
    /// Begins with files that an earlier run did not read.
    pub fn new(unread_files: VecDeque<InputSource>, should_restart: bool) -> Self {
        Self { unread_files, should_restart, ..Self::default() }
    }

    /// Tells whether no file waits that had the name before.
    pub fn is_empty(&self) -> bool {
        self.unread_files.is_empty()
    }

    /// Tells whether the next file is read on where another one was left.
    pub fn is_next_resumed(&self) -> bool {
        self.unread_files.front().is_some_and(|file| self.resumed_copy.as_ref() == Some(&file.path))
    }

    /// Takes the next file that had the name before.
    pub fn take_next(&mut self) -> Option<InputSource> {
        self.unread_files.pop_front()
    }

    /// Tells once whether all files are read again now.
    pub fn take_restart(&mut self) -> bool {
        take(&mut self.should_restart)
    }

    /// Looks for the copy of a log that was emptied while it was followed. Returns whether there is more in it.
    pub fn find_copy(
        &mut self,
        source: &InputSource,
        finished_file: &OpenFile,
        position: InputPosition,
        sink: &mut EventSink<'_>,
    ) -> bool {
        let name = &finished_file.input_file.name;
        // If a notice can't be sent, there is nobody to read it.
        let Some(found) = find_rotated(source, finished_file, position) else {
            let message = "was emptied or overwritten, and no copy of it is beside it; lines that were added just before are not read";
            let _closed = sink.send_notice(format!("{name} {message}"));
            return false;
        };
        let _closed =
            sink.send_notice(format!("{name} was emptied; what was read of it is in {}", found.file.path.display()));
        self.unread_files = found.unread_files(|_| false).into();
        self.resumed_copy = Some(found.file.path);
        self.is_next_resumed()
    }

    /// Looks for files that were rotated after one that was followed, before the log was looked at again.
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
            let _closed = sink.send_notice(format!("{} was rotated in the meantime, and is read", file.path.display()));
        }
    }

    /// Leaves a file that was followed and rotated. Returns whether it is one.
    pub fn leave_rotated(&mut self, finished_file: &mut OpenFile, sink: &mut EventSink<'_>) -> bool {
        let Some(file) = finished_file.take_rotated_file() else { return false };
        self.report_late_lines(sink);
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        self.previous_file = Some(PreviousFile { file, bytes, name: finished_file.input_file.name.clone() });
        true
    }

    /// Reports lines that a rotated file got after it was left.
    pub fn report_late_lines(&mut self, sink: &mut EventSink<'_>) {
        let Some(PreviousFile { file, bytes, name }) = self.previous_file.take() else { return };
        if file.metadata().map_or(0, |metadata| metadata.len()) > bytes {
            let message = "got more lines after it was rotated and read to its end; they are not read";
            let _closed = sink.send_notice(format!("the file that {name} was {message}"));
        }
    }
}

fn find_rotated(source: &InputSource, finished_file: &OpenFile, position: InputPosition) -> Option<RotatedLog> {
    rotated_log::find(source, &finished_file.input_file.to_record(position), TextEncoding::Utf8)
}
