//! Which files of the input are done with: what a checkpoint records of them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::input_file::{FileRecord, InputFile};
use super::input_position::InputPosition;
use super::line::Line;
use super::reader::{FileEnd, HeldBack};

/// Maximum records without an end that are kept to be reported.
const MAX_REPORTED: usize = 20;

/// The files up to the last line that is done with.
#[derive(Debug, Default)]
pub struct ReadFiles {
    finished: Arc<Vec<FileRecord>>,
    current: Option<Arc<InputFile>>,
    /// What happened behind lines that are not done with.
    events: VecDeque<Event>,
    held_back: Vec<HeldBack>,
    held_back_count: u64,
}

/// What happened after so many lines of the input.
#[derive(Debug)]
enum Event {
    End(FileEnd),
    /// All files are read again.
    Restart {
        lines: u64,
    },
}

impl Event {
    fn lines(&self) -> u64 {
        match self {
            Self::End(end) => end.lines,
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

impl ReadFiles {
    /// Goes on after files that earlier runs finished, in the one that is open.
    pub fn new(finished: Vec<FileRecord>, current: Option<Arc<InputFile>>) -> Self {
        Self { finished: Arc::new(finished), current, ..Self::default() }
    }

    /// Takes the end of a file, some of whose lines may not be done with.
    pub fn end(&mut self, mut end: FileEnd) {
        if let Some(held_back) = end.held_back.take() {
            self.held_back_count += 1;
            if self.held_back.len() < MAX_REPORTED {
                self.held_back.push(held_back);
            }
        }
        self.events.push_back(Event::End(end));
    }

    /// Notes that all files are read again after so many lines.
    pub fn restart(&mut self, lines: u64) {
        self.events.push_back(Event::Restart { lines });
    }

    /// Notes that a line is done with.
    pub fn settle(&mut self, line: &Line) {
        if self.current.as_ref().is_none_or(|current| !Arc::ptr_eq(current, &line.file)) {
            self.current = Some(Arc::clone(&line.file));
        }
    }

    /// Finishes the files whose lines are all done with: those before the first line that is not.
    pub fn advance(&mut self, first_pending: Option<u64>) {
        while let Some(event) = self.events.pop_front_if(|event| first_pending.is_none_or(|line| event.lines() < line))
        {
            let finished = Arc::make_mut(&mut self.finished);
            match event {
                Event::Restart { .. } => finished.clear(),
                Event::End(FileEnd { file, record: Some(record), .. }) => {
                    finished.truncate(file);
                    finished.push(record);
                }
                Event::End(_) => continue,
            }
            self.current = None;
        }
    }

    /// Returns what to record, where the input is done with up to a place.
    pub fn records(&self, done: InputPosition) -> FileRecords {
        let current = self.current.as_ref().map(|file| file.read_up_to(done));
        FileRecords { finished: Arc::clone(&self.finished), current }
    }

    /// Returns the last records of files that have no end, as far as they are kept, and how many there are.
    pub fn held_back(&self) -> (&[HeldBack], u64) {
        (&self.held_back, self.held_back_count)
    }
}
