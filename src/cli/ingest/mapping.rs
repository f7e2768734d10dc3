//! The fields of a line, or row → one document, or the reason why not.

use anyhow::ensure;
use prost::Message;
use serde_json::{Map, Value};
use tonic::Code;

use crate::cli::id;
use crate::json::{self, JsonError};
use crate::proto::{Document, DocumentId, ItemError};
use crate::types::Reason;

/// The longest document that is sent: one MiB below the server's limit for a message.
pub const MAX_DOCUMENT_BYTES: usize = 31 << 20;

/// What a field is called whose absence is no mistake: then ids are made of the texts.
pub const DEFAULT_ID_FIELD: &str = "id";

/// What stands between two fields that make one text.
const JOINT: &str = "\n\n";

/// What a line or row holds, by name.
pub type Fields = Map<String, Value>;

/// Which field becomes what.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub id_field: String,
    /// The fields that make the text, in this order.
    pub text_fields: Vec<String>,
    /// The fields that become the payload; `None` for all but the id and the text.
    pub payload_fields: Option<Vec<String>>,
}

impl Mapping {
    /// The document of a JSON line.
    pub fn document_of_json(&self, line: &[u8]) -> Result<Document, ItemError> {
        match json::parse(line) {
            Ok(Value::Object(fields)) => self.document(fields),
            Ok(_) => Err(malformed("", "the line is no JSON object; write one object a line")),
            Err(JsonError { path, problem, .. }) => Err(malformed(&path, format!("the line can't be read: {problem}"))),
        }
    }

    /// The document of some fields.
    pub fn document(&self, fields: Fields) -> Result<Document, ItemError> {
        let id = fields.get(&self.id_field).map_or(Ok(None), id::from_json);
        let id = id.map_err(|message| malformed(&self.id_field, message))?;
        self.document_with_id(fields, id)
    }

    /// The document of some fields, one of which was read as its id already.
    pub fn document_with_id(&self, mut fields: Fields, id: Option<DocumentId>) -> Result<Document, ItemError> {
        let payload_json = self.payload(&fields);
        let text = self.text(&mut fields)?;
        Ok(Document { id, text, payload_json, ..Document::default() })
    }

    /// Whether a field becomes a part of a document.
    pub fn wants(&self, name: &str) -> bool {
        self.payload_fields.is_none() || self.is_id_or_text(name) || self.is_payload(name)
    }

    /// Looks for the fields in the columns of a file, so that a wrong name is told once and not for each row.
    ///
    /// # Errors
    /// If the id or the text has no column.
    pub fn check_columns<'a>(&self, columns: impl Iterator<Item = &'a str> + Clone) -> anyhow::Result<()> {
        let is_there = |name: &String| columns.clone().any(|column| column == name);
        let id = Some(&self.id_field).filter(|name| *name != DEFAULT_ID_FIELD).map(|name| (name, "--id-field"));
        let texts = self.text_fields.iter().map(|name| (name, "--text-field"));
        for (name, flag) in texts.chain(id) {
            let columns = columns.clone().collect::<Vec<_>>().join(", ");
            ensure!(is_there(name), "it has no column `{name}`, but {columns}; name the right one with {flag}");
        }
        Ok(())
    }

    /// Tells whether a field is the id or a part of the text.
    pub fn is_id_or_text(&self, name: &str) -> bool {
        name == self.id_field || self.text_fields.iter().any(|field| field == name)
    }

    fn is_payload(&self, name: &str) -> bool {
        match &self.payload_fields {
            Some(wanted) => wanted.iter().any(|field| field == name),
            None => !self.is_id_or_text(name),
        }
    }

    /// The text of a JSON object, so that whole numbers of 64 bits are exact; empty where there are no fields. The server
    /// refuses what can't be stored.
    fn payload(&self, fields: &Fields) -> String {
        let fields: Fields = fields.iter().filter(|(name, _)| self.is_payload(name)).map(owned).collect();
        if fields.is_empty() { String::new() } else { Value::Object(fields).to_string() }
    }

    /// The texts of all fields that have one, joined.
    fn text(&self, fields: &mut Fields) -> Result<String, ItemError> {
        let mut text: Option<String> = None;
        for name in &self.text_fields {
            match fields.remove(name) {
                Some(Value::String(part)) => match &mut text {
                    Some(text) if !text.is_empty() && !part.is_empty() => text.extend([JOINT, &part]),
                    Some(text) => text.push_str(&part),
                    None => text = Some(part),
                },
                Some(Value::Null) | None => {}
                Some(_) => return Err(malformed(name, "the text is no string; make it one")),
            }
        }
        text.ok_or_else(|| self.no_text())
    }

    fn no_text(&self) -> ItemError {
        let names = self.text_fields.join("` or `");
        let message = format!("there is no text in `{names}`; add it, or name the text's field with --text-field");
        malformed(self.text_fields.first().map_or("", String::as_str), message)
    }
}

/// A document as it is sent.
pub fn encode(document: &Document) -> Result<Vec<u8>, ItemError> {
    let bytes = document.encode_to_vec();
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(too_long(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The rejection of what is no document.
pub fn malformed(field: &str, message: impl Into<String>) -> ItemError {
    ItemError {
        code: Code::InvalidArgument as i32,
        reason: Reason::MalformedDocument.as_str().to_owned(),
        field: field.to_owned(),
        message: message.into(),
        retry_delay: None,
    }
}

/// The rejection of what is too long to be sent.
pub fn too_long(bytes: u64) -> ItemError {
    let message = format!("{bytes} bytes are too many for one document; split it into parts of at most 1 MiB of text");
    ItemError { reason: Reason::TextTooLong.as_str().to_owned(), ..malformed("", message) }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests;
