//! Documents and points.

use std::collections::BTreeMap;

use super::digest::{DIGEST_FIELD, Digest};
use super::payload::{DEFAULT_TEXT_FIELD, KEY_FIELD, Payload, TEXT_KEY_FIELD, VERSION_FIELD, remove_reserved_fields};
use super::version::{build_version_fields, read_stored_version};
use super::{DocumentId, PointId, SparseVector};

/// Validated document that is not encoded yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub id: DocumentId,
    /// Text to encode; not blank.
    pub text: String,
    /// Payload without reserved fields.
    pub payload: Payload,
    /// Dense vectors of finite numbers, by name.
    pub dense: BTreeMap<String, Vec<f32>>,
    /// Version in the client's source, if it has one.
    pub version: Option<i64>,
}

/// Document in the form in which a store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub id: PointId,
    pub sparse: SparseVector,
    pub dense: BTreeMap<String, Vec<f32>>,
    /// Payload including reserved fields.
    pub payload: Payload,
}

impl Point {
    /// Creates the point of a document. The payload stores the text in `text_field`, unless that is empty.
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

    /// Adds a content digest to the payload.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.payload.insert(DIGEST_FIELD.to_owned(), digest.into());
        self
    }
}

/// Point returned by a store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPoint {
    pub id: DocumentId,
    /// Score for the query; zero for reads without a query.
    pub score: f32,
    /// Payload without reserved fields.
    pub payload: Payload,
    /// Sparse vector, if requested.
    pub sparse: Option<SparseVector>,
    /// Requested dense vectors that the point has, by name.
    pub dense: BTreeMap<String, Vec<f32>>,
    /// Payload field that stores the text; empty if the text is not stored.
    pub text_field: String,
    /// Version of the document, if it has one.
    pub version: Option<i64>,
    /// Set if the store has a payload that it can't return; `payload` is then empty.
    pub payload_unreadable: bool,
}

impl StoredPoint {
    /// Reserved payload fields that a store must return even if the caller requests no payload.
    pub const RESERVED_FIELDS: &[&str] = &[KEY_FIELD, TEXT_KEY_FIELD, VERSION_FIELD];

    /// Creates a point from the values that a store returned, and removes the reserved fields from the payload.
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

    /// Sets the payload of a point that was read without it.
    pub fn set_payload(&mut self, mut payload: Payload) {
        remove_reserved_fields(&mut payload);
        self.payload = payload;
    }

    /// Adds dense vectors to the point.
    #[must_use]
    pub fn with_dense(self, dense: BTreeMap<String, Vec<f32>>) -> Self {
        Self { dense, ..self }
    }

    /// Returns the document's text, if it is stored and the payload was requested.
    pub fn text(&self) -> Option<&str> {
        self.payload.get(&self.text_field)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Invariant: a stored document is returned unchanged, for each kind of id and each text field.
        #[test]
        fn a_document_round_trips(
            key in ".{1,20}",
            num in any::<u64>(),
            kind in 0..3,
            text_field in "(|text|body)",
            version in any::<Option<i64>>(),
        ) {
            let id = match kind {
                0 => DocumentId::Num(num),
                1 => DocumentId::Key(key),
                _ => DocumentId::from_text(&key),
            };
            let payload = Payload::from_iter([("year".to_owned(), 1967.into())]);
            let document = Document {
                id: id.clone(),
                text: "wing".to_owned(),
                payload: payload.clone(),
                dense: BTreeMap::new(),
                version,
            };
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
