//! One record of a file.

use std::sync::Arc;

use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::line::Line;
use crate::cli::ingest::mapping::encode;
use crate::cli::ingest::shard::Part;
use crate::proto::{Document, ItemError};

/// A line or row that isn't blank.
pub struct Record {
    /// The number by which a person finds it in its file, from 1: of its first line, or of its row.
    pub number: u64,
    /// As it is in the file; a row of Parquet as JSON.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Whether it has an end: the last one of a file may still be written.
    pub is_ended: bool,
    pub document: Result<Document, ItemError>,
}

impl Record {
    /// Returns the line, if it is of this run's part.
    pub fn into_line(self, place: InputPosition, passed: u64, file: &Arc<InputFile>, part: &Part) -> Option<Line> {
        if !part.has(&self.content, self.document.as_ref().ok()) {
            return None;
        }
        let text = self.is_whole.then_some(self.content);
        let document = self.document.and_then(|document| encode(&document)).map(Into::into);
        Some(Line { place, file: Arc::clone(file), number: self.number, passed, text, document })
    }
}
