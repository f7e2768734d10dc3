//! Record of a file.

use std::sync::Arc;

use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::encode_document;
use crate::cli::ingest::shard::ShardFilter;
use crate::proto::{Document, ItemError};

/// Non-blank line or row of a file, with the document that it maps to.
pub struct Record {
    /// Number of its first line or of its row in the file, from 1; shown in messages.
    pub number: u64,
    /// Raw bytes of the file; JSON for a Parquet row.
    pub content: Vec<u8>,
    /// True if `content` is the whole record.
    pub is_complete: bool,
    /// True if the record has a line ending; the last record of a file may still be written to.
    pub is_terminated: bool,
    pub document: Result<Document, ItemError>,
}

impl Record {
    /// Converts the record to a line to ingest; `None` if it belongs to another shard.
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
