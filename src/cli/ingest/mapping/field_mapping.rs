//! Which fields become the parts of a document.

use serde_json::Value;

use super::binary_text::BinaryText;
use super::fields::Fields;
use super::rejection::{NOT_UTF8, reject_malformed};
use super::seen_fields::{MissingField, NamedField, SeenFields};
use super::select::{self, is_within};
use super::{names, partitions, text};
use crate::cli::id;
use crate::json::{self, JsonError};
use crate::proto::{Document, DocumentId, ItemError};

/// What a field is called whose absence is no mistake: then ids are made of the texts.
pub const DEFAULT_ID_FIELD: &str = "id";

const DEFAULT_TEXT_FIELD: &str = "text";

pub const ID_FLAG: &str = "--id-field";
pub const TEXT_FLAG: &str = "--text-field";
pub const PAYLOAD_FLAG: &str = "--payload-fields";

/// How many fields of a record a message lists.
const MAX_LISTED: usize = 8;

/// Which field becomes what. Names may be dotted ([`select`]).
#[derive(Debug, Clone)]
pub struct FieldMapping {
    pub id_field: String,
    /// The fields that make the text, in this order.
    pub text_fields: Vec<String>,
    /// The fields that become the payload; `None` for all but the id and the text.
    pub payload_fields: Option<Vec<String>>,
    /// Values that the path of the file gives to each of its records.
    pub partitions: Fields,
    /// How bytes of Parquet become text.
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "no other format has bytes"))]
    pub binary_text: BinaryText,
    /// Which of these fields were there.
    pub seen_fields: SeenFields,
}

impl Default for FieldMapping {
    fn default() -> Self {
        Self {
            id_field: DEFAULT_ID_FIELD.to_owned(),
            text_fields: vec![DEFAULT_TEXT_FIELD.to_owned()],
            payload_fields: None,
            partitions: Fields::new(),
            binary_text: BinaryText::default(),
            seen_fields: SeenFields::default(),
        }
    }
}

impl FieldMapping {
    /// Maps a JSON line to its document.
    pub fn map_json_line(&self, line: &[u8]) -> Result<Document, ItemError> {
        match json::parse(line) {
            Ok(Value::Object(fields)) => self.map_record(fields),
            Ok(_) => Err(reject_malformed("", "the line is no JSON object; write one object a line")),
            Err(JsonError { path, message: problem, .. }) => {
                let problem = if std::str::from_utf8(line).is_ok() { problem } else { NOT_UTF8.to_owned() };
                Err(reject_malformed(&path, format!("the line can't be read: {problem}")))
            }
        }
    }

    /// Maps the fields of a record to its document.
    pub fn map_record(&self, mut fields: Fields) -> Result<Document, ItemError> {
        self.prepare_fields(&mut fields)?;
        let id = self.extract_id(&fields)?;
        self.build_document(fields, id)
    }

    /// Maps the fields of a record to its document, of which the id was read already.
    pub fn map_record_with_id(&self, mut fields: Fields, id: Option<DocumentId>) -> Result<Document, ItemError> {
        self.prepare_fields(&mut fields)?;
        self.build_document(fields, id)
    }

    /// Whether a column becomes a part of a document.
    pub fn uses_column(&self, column: &str) -> bool {
        self.payload_fields.is_none() || self.names_column(column)
    }

    /// Whether a field inside a column becomes a part of a document, or something inside it does.
    #[cfg(feature = "parquet")]
    pub fn uses_nested_field(&self, name: &str) -> bool {
        self.payload_fields.is_none()
            || self.all_field_names().any(|named| is_within(named, name) || is_within(name, named))
    }

    /// Whether a column, or a field inside it, was named as id, text or payload.
    pub fn names_column(&self, column: &str) -> bool {
        self.all_field_names().any(|name| is_within(name, column))
    }

    /// Returns the fields whose absence in all records is a mistake: all that were named but the default id.
    pub fn named_fields(&self) -> impl Iterator<Item = NamedField<'_>> {
        let id = Some(&self.id_field).filter(|name| *name != DEFAULT_ID_FIELD);
        let id = id.map(|name| NamedField { name, flag: ID_FLAG });
        let texts = self.text_fields.iter().map(|name| NamedField { name, flag: TEXT_FLAG });
        let payload = self.payload_fields.iter().flatten().filter(|name| !name.is_empty());
        id.into_iter().chain(texts).chain(payload.map(|name| NamedField { name, flag: PAYLOAD_FLAG }))
    }

    /// Returns the named fields that no record of any file had so far.
    pub fn missing_fields(&self) -> Vec<MissingField> {
        self.seen_fields.find_missing(self.named_fields())
    }

    fn all_field_names(&self) -> impl Iterator<Item = &str> {
        self.id_and_text_fields().chain(self.payload_fields.iter().flatten().map(String::as_str))
    }

    /// Tells whether a column, or a field inside it, is the id or a part of the text.
    pub fn is_id_or_text(&self, column: &str) -> bool {
        self.id_and_text_fields().any(|name| is_within(name, column))
    }

    fn id_and_text_fields(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id_field.as_str()).chain(self.text_fields.iter().map(String::as_str))
    }

    fn prepare_fields(&self, fields: &mut Fields) -> Result<(), ItemError> {
        partitions::merge_partitions(fields, &self.partitions)?;
        self.seen_fields.record(fields, self.named_fields());
        Ok(())
    }

    /// Returns the id that the record has, in objects but not in lists.
    fn extract_id(&self, fields: &Fields) -> Result<Option<DocumentId>, ItemError> {
        let mut found = select::match_key(fields, &self.id_field);
        while let Some((_, value, remaining)) = found {
            found = match (remaining, value) {
                (None, id) => return id::from_json(id).map_err(|message| reject_malformed(&self.id_field, message)),
                (Some(remaining), Value::Object(object)) => select::match_key(object, remaining),
                (Some(_), Value::Array(_)) => {
                    let message = "it is in a list, so a record may have several; name a field that is there once";
                    return Err(reject_malformed(&self.id_field, format!("{message} with {ID_FLAG}")));
                }
                (Some(_), _) => None,
            };
        }
        Ok(None)
    }

    fn build_document(&self, fields: Fields, id: Option<DocumentId>) -> Result<Document, ItemError> {
        let text = text::join_texts(&fields, &self.text_fields)?.ok_or_else(|| self.reject_missing_text(&fields))?;
        Ok(Document { id, text, payload_json: self.build_payload_json(fields), ..Document::default() })
    }

    /// Returns the payload as JSON text, so that whole numbers of 64 bits are exact; empty where there are no fields. The
    /// server refuses what can't be stored.
    fn build_payload_json(&self, mut fields: Fields) -> String {
        match &self.payload_fields {
            Some(names) => select::retain_selected(&mut fields, &names.iter().map(String::as_str).collect::<Vec<_>>()),
            None => select::remove_selected(&mut fields, &self.id_and_text_fields().collect::<Vec<_>>()),
        }
        if fields.is_empty() { String::new() } else { Value::Object(fields).to_string() }
    }

    fn reject_missing_text(&self, fields: &Fields) -> ItemError {
        let names = self.text_fields.join("` or `");
        let present = names::format_names(fields.keys().map(String::as_str), MAX_LISTED);
        let first = self.text_fields.first().map_or("", String::as_str);
        let suggestion =
            names::format_suggestion(first, fields.keys().map(String::as_str).filter(|name| *name != first));
        let message = format!(
            "there is no text in `{names}`; the record's fields are {present}; {suggestion}add the text, or name its field with {TEXT_FLAG}"
        );
        reject_malformed(first, message)
    }
}
