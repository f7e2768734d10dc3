//! Which files of the input are done with: what a checkpoint records of them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ingest_line::IngestLine;
use super::input_file::{FileRecord, InputFile};
use super::input_position::InputPosition;
use super::reader::{FileEnd, HeldBackRecord};

/// Maximum records without an end that are kept to be reported.
const MAX_HELD_BACK: usize = 20;

/// The files up to the last line that is done with.
#[derive(Debug, Default)]
pub struct FileTracker {
    finished: Arc<Vec<FileRecord>>,
    current: Option<Arc<InputFile>>,
    /// What happened behind lines that are not done with.
    events: VecDeque<FileEvent>,
    held_back: Vec<HeldBackRecord>,
    held_back_count: u64,
}

/// What happened after so many lines of the input.
#[derive(Debug)]
enum FileEvent {
    End(FileEnd),
    /// All files are read again.
    Restart {
        lines: u64,
    },
}

impl FileEvent {
    fn lines(&self) -> u64 {
        match self {
            Self::End(end) => end.lines_read,
            Self::Restart { lines } => *lines,
        }
    }
}

/// What a checkpoint records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileRecords {
    /// The files that were read to their ends, in their order.
    pub finished: Arc<Vec<FileRecord>>,
    /// The one that is being read.
    pub current: Option<FileRecord>,
}

impl FileTracker {
    /// Goes on after files that earlier runs finished, in the one that is open.
    pub fn new(finished: Vec<FileRecord>, current: Option<Arc<InputFile>>) -> Self {
        Self { finished: Arc::new(finished), current, ..Self::default() }
    }

    /// Takes the end of a file, some of whose lines may not be done with.
    pub fn record_end(&mut self, mut end: FileEnd) {
        if let Some(held_back) = end.held_back.take() {
            self.held_back_count += 1;
            if self.held_back.len() < MAX_HELD_BACK {
                self.held_back.push(held_back);
            }
        }
        self.events.push_back(FileEvent::End(end));
    }

    /// Notes that all files are read again after so many lines.
    pub fn record_restart(&mut self, lines: u64) {
        self.events.push_back(FileEvent::Restart { lines });
    }

    /// Notes that a line is done with.
    pub fn ack(&mut self, line: &IngestLine) {
        if self.current.as_ref().is_none_or(|current| !Arc::ptr_eq(current, &line.file)) {
            self.current = Some(Arc::clone(&line.file));
        }
    }

    /// Finishes the files whose lines are all done with: those before the first line that is not.
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

    /// Returns what to record, where the input is done with up to a place.
    pub fn file_records(&self, position: InputPosition) -> FileRecords {
        let current = self.current.as_ref().map(|file| file.to_record(position));
        FileRecords { finished: Arc::clone(&self.finished), current }
    }

    /// Returns the last records of files that have no end, as far as they are kept, and how many there are.
    pub fn held_back(&self) -> (&[HeldBackRecord], u64) {
        (&self.held_back, self.held_back_count)
    }
}
