//! One record of a file.

use std::sync::Arc;

use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::encode_document;
use crate::cli::ingest::shard::ShardFilter;
use crate::proto::{Document, ItemError};

/// A line or row that isn't blank.
pub struct Record {
    /// The number by which a person finds it in its file, from 1: of its first line, or of its row.
    pub number: u64,
    /// As it is in the file; a row of Parquet as JSON.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub is_complete: bool,
    /// Whether it has an end: the last one of a file may still be written.
    pub is_terminated: bool,
    pub document: Result<Document, ItemError>,
}

impl Record {
    /// Returns the line, if it is of this run's part.
    pub fn into_line(
        self,
        position: InputPosition,
        other_shard_lines: u64,
        file: &Arc<InputFile>,
        shard_filter: &ShardFilter,
    ) -> Option<IngestLine> {
        if !shard_filter.contains(&self.content, self.document.as_ref().ok()) {
            return None;
        }
        let text = self.is_complete.then_some(self.content);
        let document = self.document.and_then(|document| encode_document(&document)).map(Into::into);
        Some(IngestLine {
            position,
            file: Arc::clone(file),
            number: self.number,
            other_shard_lines,
            raw_bytes: text,
            document,
        })
    }
}
