//! Plain texts: a document a file, or a document a line.

use serde_json::Value;

use super::content::Content;
use super::paths::Source;
use super::pieces::{MAX_PIECE_BYTES, Pieces};
use super::{FilePosition, Next, Record, Records};
use crate::cli::ingest::mapping::{Fields, MAX_DOCUMENT_BYTES, Mapping, NOT_UTF8, malformed, too_long};
use crate::proto::{Document, ItemError};

/// The field that says where a text is from.
const PATH_FIELD: &str = "path";

/// One file: its name is its id.
pub struct TextFile {
    content: Content,
    source: Source,
    mapping: Mapping,
    at: FilePosition,
}

/// One file: its lines.
pub struct TextLines {
    pub pieces: Pieces,
    pub name: String,
    pub mapping: Mapping,
}

impl TextFile {
    pub fn new(content: Content, source: Source, mapping: Mapping) -> Self {
        Self { content, source, mapping, at: FilePosition::default() }
    }

    /// Reads all of the file, and keeps no more of it than a document may have.
    fn document(&mut self) -> anyhow::Result<Result<Document, ItemError>> {
        let mut text = Vec::new();
        loop {
            let part = self.content.fill()?;
            if part.is_empty() {
                break;
            }
            let kept = part.len().min(MAX_DOCUMENT_BYTES + 1 - text.len());
            text.extend_from_slice(part.get(..kept).unwrap_or(part));
            let length = part.len();
            self.content.consume(length);
        }
        if text.len() > MAX_DOCUMENT_BYTES {
            return Ok(Err(too_long(self.content.offset())));
        }
        Ok(document(text, self.source.id().as_deref(), &self.source.name, &self.mapping))
    }
}

impl Records for TextFile {
    fn next(&mut self) -> anyhow::Result<Next> {
        if self.at.rows > 0 {
            return Ok(Next::End);
        }
        let document = self.document()?;
        self.at = FilePosition { bytes: self.source.bytes.unwrap_or_default(), ..FilePosition::of(1, &self.content) };
        // It is there to be read, so its content is not repeated.
        let content = self.source.name.clone().into();
        Ok(Next::Record(Record { number: 1, content, is_whole: false, is_ended: true, document }))
    }

    fn at(&self) -> FilePosition {
        self.at
    }
}

impl Records for TextLines {
    fn next(&mut self) -> anyhow::Result<Next> {
        let Some(line) = self.pieces.next_line()? else { return Ok(Next::End) };
        if line.is_blank() {
            return Ok(line.as_blank());
        }
        let document = if line.is_cut {
            Err(too_long(line.bytes))
        } else {
            document(line.content.clone(), None, &self.name, &self.mapping)
        };
        Ok(Next::Record(line.into_record(document)))
    }

    fn at(&self) -> FilePosition {
        self.pieces.at()
    }

    fn may_wait(&self) -> bool {
        self.pieces.may_wait()
    }
}

fn document(text: Vec<u8>, id: Option<&str>, path: &str, mapping: &Mapping) -> Result<Document, ItemError> {
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        malformed("", format!("from byte {at} on, {NOT_UTF8}"))
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let fields = [
        (Some(mapping.id_field.as_str()).filter(|_| id.is_some()), id.unwrap_or_default().to_owned()),
        (Some(PATH_FIELD).filter(|_| path != "-"), path.to_owned()),
        (mapping.text_fields.first().map(String::as_str), text),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name?.to_owned(), Value::String(value))));
    mapping.document(Fields::from_iter(fields))
}

const _: () = assert!(MAX_DOCUMENT_BYTES < MAX_PIECE_BYTES);
