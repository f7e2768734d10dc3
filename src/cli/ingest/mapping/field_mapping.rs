//! Selects the fields that become the id, the text and the payload of a document.

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

/// Default of `--id-field`. Unlike other named fields, it may be absent: ids are then derived from the texts.
pub const DEFAULT_ID_FIELD: &str = "id";

const DEFAULT_TEXT_FIELD: &str = "text";

/// Flag that names the id field, for messages.
pub const ID_FLAG: &str = "--id-field";
/// Flag that names the text fields, for messages.
pub const TEXT_FLAG: &str = "--text-field";
/// Flag that names the payload fields, for messages.
pub const PAYLOAD_FLAG: &str = "--payload-fields";

/// Maximum number of fields of a record listed in an error.
const MAX_LISTED: usize = 8;

/// Mapping of the fields of a record to a document. Names may be dotted paths ([`select`]).
#[derive(Debug, Clone)]
pub struct FieldMapping {
    pub id_field: String,
    /// Fields whose texts are joined, in this order.
    pub text_fields: Vec<String>,
    /// Fields of the payload; `None` for all except the id and the text.
    pub payload_fields: Option<Vec<String>>,
    /// Partition values from the path of the file, which are fields of each of its records.
    pub partitions: Fields,
    /// Encoding of byte columns of Parquet.
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "no other format has bytes"))]
    pub binary_text: BinaryText,
    /// Named fields that occurred in any record; shared by all clones.
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
    /// Maps a JSON line to a document.
    ///
    /// # Errors
    /// If the line is not a JSON object, has no text, or has an invalid id, text or partition value.
    pub fn map_json_line(&self, line: &[u8]) -> Result<Document, ItemError> {
        match json::parse(line) {
            Ok(Value::Object(fields)) => self.map_record(fields),
            Ok(_) => Err(reject_malformed("", "the line is not a JSON object; write one object per line")),
            Err(JsonError { path, message: problem, .. }) => {
                let problem = if std::str::from_utf8(line).is_ok() { problem } else { NOT_UTF8.to_owned() };
                Err(reject_malformed(&path, format!("the line can't be parsed: {problem}")))
            }
        }
    }

    /// Maps the fields of a record to a document.
    ///
    /// # Errors
    /// If the record has no text, or an invalid id, text or partition value.
    pub fn map_record(&self, mut fields: Fields) -> Result<Document, ItemError> {
        self.prepare_fields(&mut fields)?;
        let id = self.extract_id(&fields)?;
        self.build_document(fields, id)
    }

    /// Maps the fields of a record to a document whose id was already extracted.
    ///
    /// # Errors
    /// If the record has no text, or an invalid text or partition value.
    pub fn map_record_with_id(&self, mut fields: Fields, id: Option<DocumentId>) -> Result<Document, ItemError> {
        self.prepare_fields(&mut fields)?;
        self.build_document(fields, id)
    }

    /// Returns whether a column is part of the document.
    pub fn uses_column(&self, column: &str) -> bool {
        self.payload_fields.is_none() || self.names_column(column)
    }

    /// Returns whether a nested field, or a field inside it, is part of the document.
    #[cfg(feature = "parquet")]
    pub fn uses_nested_field(&self, name: &str) -> bool {
        self.payload_fields.is_none()
            || self.all_field_names().any(|named| is_within(named, name) || is_within(name, named))
    }

    /// Returns whether a column, or a field inside it, is named as id, text or payload.
    pub fn names_column(&self, column: &str) -> bool {
        self.all_field_names().any(|name| is_within(name, column))
    }

    /// Returns the fields that at least one record must have: all named fields except the default id field.
    pub fn named_fields(&self) -> impl Iterator<Item = NamedField<'_>> {
        let id = Some(&self.id_field).filter(|name| *name != DEFAULT_ID_FIELD);
        let id = id.map(|name| NamedField { name, flag: ID_FLAG });
        let texts = self.text_fields.iter().map(|name| NamedField { name, flag: TEXT_FLAG });
        let payload = self.payload_fields.iter().flatten().filter(|name| !name.is_empty());
        id.into_iter().chain(texts).chain(payload.map(|name| NamedField { name, flag: PAYLOAD_FLAG }))
    }

    /// Returns the named fields that have not occurred in any record of any file.
    pub fn missing_fields(&self) -> Vec<MissingField> {
        self.seen_fields.find_missing(self.named_fields())
    }

    fn all_field_names(&self) -> impl Iterator<Item = &str> {
        self.id_and_text_fields().chain(self.payload_fields.iter().flatten().map(String::as_str))
    }

    /// Returns whether a column, or a field inside it, is the id or part of the text.
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

    /// Returns the id of the record. Its path may lead through objects but not through lists.
    fn extract_id(&self, fields: &Fields) -> Result<Option<DocumentId>, ItemError> {
        let mut found = select::match_key(fields, &self.id_field);
        while let Some((_, value, remaining)) = found {
            found = match (remaining, value) {
                (None, id) => return id::from_json(id).map_err(|message| reject_malformed(&self.id_field, message)),
                (Some(remaining), Value::Object(object)) => select::match_key(object, remaining),
                (Some(_), Value::Array(_)) => {
                    let message = format!(
                        "the id is inside a list, so it is ambiguous; set a field outside lists with {ID_FLAG}"
                    );
                    return Err(reject_malformed(&self.id_field, message));
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

    /// Returns the payload as JSON text, which keeps 64-bit integers exact; empty if there are no fields. Values that can't be
    /// stored are rejected by the server.
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
            "there is no text in `{names}`; the record's fields are {present}; {suggestion}add the text, or set its field \
             with {TEXT_FLAG}"
        );
        reject_malformed(first, message)
    }
}
