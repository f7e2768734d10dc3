//! JSON input: one object per line, or one array of objects.

use super::content_reader::ContentReader;
use super::json_array::JsonArray;
use super::jsonl::JsonLines;
use super::line_reader::LineReader;
use super::{FilePosition, NextRecord, RecordReader};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::FieldMapping;

/// Records of a JSON file; the first byte decides between lines and an array.
pub enum JsonRecords {
    /// Layout not detected yet. Deferred until the first record is read, because waiting for the first byte may block.
    Pending(Option<(ContentReader, FieldMapping)>),
    Lines(JsonLines),
    Array(JsonArray),
}

impl JsonRecords {
    /// Opens the content and skips the records that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(content: ContentReader, mapping: FieldMapping, resume_at: InputPosition) -> std::io::Result<Self> {
        if resume_at.offset == 0 {
            Ok(Self::Pending(Some((content, mapping))))
        } else {
            Self::detect_layout(content, mapping, resume_at)
        }
    }

    fn detect_layout(
        mut content: ContentReader,
        mapping: FieldMapping,
        resume_at: InputPosition,
    ) -> std::io::Result<Self> {
        content.skip_bom()?;
        if content.fill_buf()?.trim_ascii_start().starts_with(b"[") {
            return JsonArray::open(content, mapping, resume_at).map(Self::Array);
        }
        let lines = LineReader::open(content, resume_at)?;
        Ok(Self::Lines(JsonLines { lines, mapping }))
    }
}

impl RecordReader for JsonRecords {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        if let Self::Pending(pending) = self
            && let Some((content, mapping)) = pending.take()
        {
            *self = Self::detect_layout(content, mapping, InputPosition::default())?;
        }
        match self {
            Self::Pending(_) => Ok(NextRecord::End),
            Self::Lines(lines) => lines.next_record(),
            Self::Array(array) => array.next_record(),
        }
    }

    fn position(&self) -> FilePosition {
        match self {
            Self::Pending(_) => FilePosition::default(),
            Self::Lines(lines) => lines.position(),
            Self::Array(array) => array.position(),
        }
    }

    fn may_block(&self) -> bool {
        match self {
            Self::Pending(pending) => pending.as_ref().is_some_and(|(content, _)| content.may_block()),
            Self::Lines(lines) => lines.may_block(),
            Self::Array(array) => array.may_block(),
        }
    }
}
