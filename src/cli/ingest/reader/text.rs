//! Plain texts: a document a file, or a document a line.

use std::io::Read;

use serde_json::Value;

use super::compressed::Bytes;
use super::pieces::{MAX_PIECE_BYTES, Pieces};
use super::{At, Next, Record, Records};
use crate::cli::ingest::mapping::{Fields, MAX_DOCUMENT_BYTES, Mapping, malformed, too_long};
use crate::proto::{Document, ItemError};

/// The field that says where a text is from.
const PATH_FIELD: &str = "path";

/// One file: its name is its id.
pub struct TextFile {
    bytes: Bytes,
    size: Option<u64>,
    name: String,
    mapping: Mapping,
    at: At,
}

/// One file: its lines.
pub struct TextLines {
    pub pieces: Pieces,
    pub name: String,
    pub mapping: Mapping,
}

impl TextFile {
    /// A text, `size` bytes long where that is known.
    pub fn new(bytes: Bytes, size: Option<u64>, name: String, mapping: Mapping) -> Self {
        Self { bytes, size, name, mapping, at: At::default() }
    }

    fn document(&mut self) -> anyhow::Result<Result<Document, ItemError>> {
        let mut text = Vec::new();
        self.bytes.reader().take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut text)?;
        if text.len() > MAX_DOCUMENT_BYTES {
            return Ok(Err(too_long(self.size.filter(|_| self.bytes.is_plain_file()).unwrap_or(text.len() as u64))));
        }
        // Of standard input, nothing but the text is known.
        let id = Some(self.name.as_str()).filter(|name| *name != "-");
        Ok(document(text, id, &self.name, &self.mapping))
    }
}

impl Records for TextFile {
    fn next(&mut self) -> anyhow::Result<Next> {
        if self.at.rows > 0 {
            return Ok(Next::End);
        }
        let document = self.document()?;
        self.at = At { rows: 1, offset: 0, bytes: self.size.unwrap_or_default() };
        // It is there to be read, so it is not told again.
        Ok(Next::Record(Record { number: 1, content: self.name.clone().into(), is_whole: false, document }))
    }

    fn at(&self) -> At {
        self.at
    }
}

impl Records for TextLines {
    fn next(&mut self) -> anyhow::Result<Next> {
        let Some(line) = self.pieces.next_line()? else { return Ok(Next::End) };
        if line.is_blank() {
            return Ok(Next::Blank);
        }
        let document = if line.is_cut {
            Err(too_long(line.bytes))
        } else {
            document(line.content.clone(), None, &self.name, &self.mapping)
        };
        Ok(Next::Record(Record { number: line.number, content: line.content, is_whole: !line.is_cut, document }))
    }

    fn at(&self) -> At {
        self.pieces.at()
    }

    fn may_wait(&self) -> bool {
        self.pieces.may_wait()
    }
}

fn document(text: Vec<u8>, id: Option<&str>, path: &str, mapping: &Mapping) -> Result<Document, ItemError> {
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        malformed("", format!("the text is not UTF-8, from byte {at} on; write it so, such as with iconv -t utf-8"))
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
