//! Tracks which input files are completely acknowledged, for the checkpoint.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ingest_line::IngestLine;
use super::input_file::{FileRecord, InputFile};
use super::input_position::InputPosition;
use super::reader::{FileEnd, HeldBackRecord};

/// Maximum number of held back records that are kept for the report at the end; further ones are only counted.
const MAX_HELD_BACK: usize = 20;

/// The input files up to the last acknowledged line.
#[derive(Debug, Default)]
pub struct FileTracker {
    finished: Arc<Vec<FileRecord>>,
    current: Option<Arc<InputFile>>,
    /// Events that take effect once all earlier lines are acknowledged, in input order.
    events: VecDeque<FileEvent>,
    held_back: Vec<HeldBackRecord>,
    held_back_count: u64,
}

/// An event at a position in the input.
#[derive(Debug)]
enum FileEvent {
    End(FileEnd),
    /// All files are read again after this number of lines.
    Restart {
        lines: u64,
    },
}

impl FileEvent {
    /// Returns the number of input lines before the event.
    fn lines(&self) -> u64 {
        match self {
            Self::End(end) => end.lines_read,
            Self::Restart { lines } => *lines,
        }
    }
}

/// The files as recorded in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileRecords {
    /// Files that were read completely, in input order.
    pub finished: Arc<Vec<FileRecord>>,
    /// The file that is currently read.
    pub current: Option<FileRecord>,
}

impl FileTracker {
    /// Creates a tracker that continues after the files of earlier runs, in the current file.
    pub fn new(finished: Vec<FileRecord>, current: Option<Arc<InputFile>>) -> Self {
        Self { finished: Arc::new(finished), current, ..Self::default() }
    }

    /// Records the end of a file; some of its lines may still be pending.
    pub fn record_end(&mut self, mut end: FileEnd) {
        if let Some(held_back) = end.held_back.take() {
            self.held_back_count += 1;
            if self.held_back.len() < MAX_HELD_BACK {
                self.held_back.push(held_back);
            }
        }
        self.events.push_back(FileEvent::End(end));
    }

    /// Records that all files are read again after this number of lines.
    pub fn record_restart(&mut self, lines: u64) {
        self.events.push_back(FileEvent::Restart { lines });
    }

    /// Records that a line and all earlier lines are acknowledged.
    pub fn ack(&mut self, line: &IngestLine) {
        if self.current.as_ref().is_none_or(|current| !Arc::ptr_eq(current, &line.file)) {
            self.current = Some(Arc::clone(&line.file));
        }
    }

    /// Marks the files as finished that end before the first pending line; `None` if no line is pending.
    pub fn finish_acked(&mut self, first_pending: Option<u64>) {
        while let Some(event) = self.events.pop_front_if(|event| first_pending.is_none_or(|line| event.lines() < line))
        {
            let finished = Arc::make_mut(&mut self.finished);
            match event {
                FileEvent::Restart { .. } => finished.clear(),
                FileEvent::End(FileEnd { file_index: file, record: Some(record), .. }) => {
                    finished.truncate(file);
                    finished.push(record);
                }
                FileEvent::End(_) => continue,
            }
            self.current = None;
        }
    }

    /// Returns the records for a checkpoint; `position` is the end of the acknowledged input.
    pub fn file_records(&self, position: InputPosition) -> FileRecords {
        let current = self.current.as_ref().map(|file| file.to_record(position));
        FileRecords { finished: Arc::clone(&self.finished), current }
    }

    /// Returns the held back records, truncated to `MAX_HELD_BACK`, and their total number.
    pub fn held_back(&self) -> (&[HeldBackRecord], u64) {
        (&self.held_back, self.held_back_count)
    }
}
