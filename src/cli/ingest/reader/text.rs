//! Plain text input: one document per file, or one per line.

use serde_json::Value;

use super::content_reader::ContentReader;
use super::line_reader::{LineReader, MAX_RECORD_BYTES};
use super::paths::InputSource;
use super::{FilePosition, NextRecord, Record, RecordReader};
use crate::cli::ingest::mapping::{
    FieldMapping, Fields, MAX_DOCUMENT_BYTES, NOT_UTF8, reject_malformed, reject_too_long,
};
use crate::proto::{Document, ItemError};

/// Payload field with the path of the source file.
const PATH_FIELD: &str = "path";

/// Reader of a file that is one document; the file name is its id.
pub struct TextFile {
    content: ContentReader,
    source: InputSource,
    mapping: FieldMapping,
    position: FilePosition,
}

/// Reader of a file whose lines are documents.
pub struct TextLines {
    pub lines: LineReader,
    pub name: String,
    pub mapping: FieldMapping,
}

impl TextFile {
    pub fn new(content: ContentReader, source: InputSource, mapping: FieldMapping) -> Self {
        Self { content, source, mapping, position: FilePosition::default() }
    }

    /// Reads the whole file, keeping at most one byte more than [`MAX_DOCUMENT_BYTES`], which suffices to detect excess.
    fn read_document(&mut self) -> anyhow::Result<Result<Document, ItemError>> {
        let mut text = Vec::new();
        loop {
            let chunk = self.content.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let kept = chunk.len().min(MAX_DOCUMENT_BYTES + 1 - text.len());
            text.extend_from_slice(chunk.get(..kept).unwrap_or(chunk));
            let chunk_len = chunk.len();
            self.content.consume(chunk_len);
        }
        if text.len() > MAX_DOCUMENT_BYTES {
            return Ok(Err(reject_too_long(self.content.offset())));
        }
        Ok(build_document(text, self.source.document_id().as_deref(), &self.source.name, &self.mapping))
    }
}

impl RecordReader for TextFile {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        if self.position.rows > 0 {
            return Ok(NextRecord::End);
        }
        let document = self.read_document()?;
        self.position =
            FilePosition { disk_bytes: self.source.bytes.unwrap_or_default(), ..FilePosition::new(1, &self.content) };
        // A rejected file is reported by name only; its content is on disk already.
        let content = self.source.name.clone().into();
        Ok(NextRecord::Record(Record { number: 1, content, is_complete: false, is_terminated: true, document }))
    }

    fn position(&self) -> FilePosition {
        self.position
    }
}

impl RecordReader for TextLines {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        let Some(line) = self.lines.next_line()? else { return Ok(NextRecord::End) };
        if line.is_blank() {
            return Ok(line.to_blank_record());
        }
        let document = if line.is_truncated {
            Err(reject_too_long(line.total_bytes))
        } else {
            build_document(line.content.clone(), None, &self.name, &self.mapping)
        };
        Ok(NextRecord::Record(line.into_record(document)))
    }

    fn position(&self) -> FilePosition {
        self.lines.position()
    }

    fn may_block(&self) -> bool {
        self.lines.may_block()
    }
}

fn build_document(text: Vec<u8>, id: Option<&str>, path: &str, mapping: &FieldMapping) -> Result<Document, ItemError> {
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        reject_malformed("", format!("invalid byte at offset {at}: {NOT_UTF8}"))
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let fields = [
        (Some(mapping.id_field.as_str()).filter(|_| id.is_some()), id.unwrap_or_default().to_owned()),
        (Some(PATH_FIELD).filter(|_| path != "-"), path.to_owned()),
        (mapping.text_fields.first().map(String::as_str), text),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name?.to_owned(), Value::String(value))));
    mapping.map_record(Fields::from_iter(fields))
}

const _: () = assert!(MAX_DOCUMENT_BYTES < MAX_RECORD_BYTES);
