//! Documents on their way in, and points on their way to and from a store.

use std::collections::BTreeMap;

use super::digest::{DIGEST_FIELD, Digest};
use super::payload::{DEFAULT_TEXT_FIELD, KEY_FIELD, Payload, TEXT_KEY_FIELD, VERSION_FIELD, remove_reserved_fields};
use super::version::{build_version_fields, read_stored_version};
use super::{DocumentId, PointId, SparseVector};

/// One document, valid in all that can be known before it is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub id: DocumentId,
    /// Not blank.
    pub text: String,
    /// No reserved fields.
    pub payload: Payload,
    /// Finite numbers, by vector name.
    pub dense: BTreeMap<String, Vec<f32>>,
    /// Its version at its source, if it has one.
    pub version: Option<i64>,
}

/// A document as a store takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub id: PointId,
    pub sparse: SparseVector,
    pub dense: BTreeMap<String, Vec<f32>>,
    /// Reserved fields included.
    pub payload: Payload,
}

impl Point {
    /// Joins a document and its vector. The payload keeps the text under `text_field`, unless that is empty.
    pub fn new(document: Document, sparse: SparseVector, text_field: &str) -> Self {
        let Document { id, text, mut payload, dense, version } = document;
        if let Some(version) = version {
            payload.extend(build_version_fields(version).map(|(name, value)| (name.to_owned(), value.into())));
        }
        if text_field != DEFAULT_TEXT_FIELD {
            payload.insert(TEXT_KEY_FIELD.to_owned(), text_field.into());
        }
        if !text_field.is_empty() {
            payload.insert(text_field.to_owned(), text.into());
        }
        let point_id = id.to_point_id();
        if let DocumentId::Key(key) = id {
            payload.insert(KEY_FIELD.to_owned(), key.into());
        }
        Self { id: point_id, sparse, dense, payload }
    }

    /// The same point, which also keeps the digest of what it was made of.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.payload.insert(DIGEST_FIELD.to_owned(), digest.into());
        self
    }
}

/// A point that came back from a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPoint {
    pub id: DocumentId,
    /// The score for the query; zero where nothing was searched for.
    pub score: f32,
    /// No reserved fields.
    pub payload: Payload,
    /// The sparse vector, if it was asked for.
    pub sparse: Option<SparseVector>,
    /// The dense vectors that were asked for and that it has, by name.
    pub dense: BTreeMap<String, Vec<f32>>,
    /// The payload field that keeps the text; empty if the text was not kept.
    pub text_field: String,
    /// Its version, if it has one.
    pub version: Option<i64>,
    /// The store has a payload that it can't return; `payload` is empty.
    pub payload_unreadable: bool,
}

impl StoredPoint {
    /// The reserved payload fields, which a store must return even where a caller wants no payload.
    pub const RESERVED_FIELDS: &[&str] = &[KEY_FIELD, TEXT_KEY_FIELD, VERSION_FIELD];

    /// Makes a point of what a store returned, and takes the reserved fields out of the payload.
    pub fn new(id: PointId, score: f32, mut payload: Payload, sparse: Option<SparseVector>) -> Self {
        let version = read_stored_version(&payload);
        let mut take_string = |field: &str| match payload.remove(field) {
            Some(serde_json::Value::String(text)) => Some(text),
            _ => None,
        };
        let (key, text_field) = (take_string(KEY_FIELD), take_string(TEXT_KEY_FIELD));
        remove_reserved_fields(&mut payload);
        let text_field = text_field.unwrap_or_else(|| DEFAULT_TEXT_FIELD.to_owned());
        Self {
            id: DocumentId::from_point_id(id, key),
            score,
            payload,
            sparse,
            dense: BTreeMap::new(),
            text_field,
            version,
            payload_unreadable: false,
        }
    }

    /// Sets the payload of a point that was read without.
    pub fn set_payload(&mut self, mut payload: Payload) {
        remove_reserved_fields(&mut payload);
        self.payload = payload;
    }

    /// The same point with its dense vectors.
    #[must_use]
    pub fn with_dense(self, dense: BTreeMap<String, Vec<f32>>) -> Self {
        Self { dense, ..self }
    }

    /// The document's text, where it was kept and the payload was asked for.
    pub fn text(&self) -> Option<&str> {
        self.payload.get(&self.text_field)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: what a client gave comes back as it was, whatever the kind of its id and wherever its text is kept.
        #[test]
        fn a_document_comes_back_as_it_was(key in ".{1,20}", num in any::<u64>(), kind in 0..3, text_field in "(|text|body)", version in any::<Option<i64>>()) {
            let id = match kind {
                0 => DocumentId::Num(num),
                1 => DocumentId::Key(key),
                _ => DocumentId::from_text(&key),
            };
            let payload = Payload::from_iter([("year".to_owned(), 1967.into())]);
            let document = Document { id: id.clone(), text: "wing".to_owned(), payload: payload.clone(), dense: BTreeMap::new(), version };
            let point = Point::new(document, SparseVector::default(), &text_field);
            prop_assert_eq!(point.id, id.to_point_id());
            let stored = StoredPoint::new(point.id, 1.0, point.payload, None);
            prop_assert_eq!(&stored.id, &id);
            prop_assert_eq!(stored.version, version);
            prop_assert_eq!(stored.text(), (!text_field.is_empty()).then_some("wing"));
            let mut expected = payload;
            if !text_field.is_empty() {
                expected.insert(text_field, "wing".into());
            }
            prop_assert_eq!(stored.payload, expected);
        }
    }
}
