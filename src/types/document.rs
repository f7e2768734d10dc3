//! Documents on their way in, and points on their way to and from a store.

use std::collections::BTreeMap;

use super::{DocumentId, PointId, SparseVector};

/// A JSON object: what is stored beside the vectors.
pub type Payload = serde_json::Map<String, serde_json::Value>;

/// Payload fields that begin so are the service's own. Clients can't set them and never see them.
pub const RESERVED_PREFIX: &str = "_splade";

/// The reserved payload field that keeps a [`DocumentId::Key`].
const KEY_FIELD: &str = "_splade_key";

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
    /// Joins a document and its vector. With a `text_key`, the payload keeps the text under that name.
    pub fn new(document: Document, sparse: SparseVector, text_key: Option<&str>) -> Self {
        let Document { id, text, mut payload, dense } = document;
        if let Some(text_key) = text_key {
            payload.insert(text_key.to_owned(), text.into());
        }
        let point_id = id.point_id();
        if let DocumentId::Key(key) = id {
            payload.insert(KEY_FIELD.to_owned(), key.into());
        }
        Self { id: point_id, sparse, dense, payload }
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
}

impl StoredPoint {
    /// Makes a point of what a store returned, and takes the reserved fields out of the payload.
    pub fn new(id: PointId, score: f32, mut payload: Payload, sparse: Option<SparseVector>) -> Self {
        let key = match payload.remove(KEY_FIELD) {
            Some(serde_json::Value::String(key)) => Some(key),
            _ => None,
        };
        payload.retain(|name, _| !name.starts_with(RESERVED_PREFIX));
        Self { id: DocumentId::restore(id, key), score, payload, sparse }
    }

    /// The reserved payload fields, which a store must return even where a caller wants no payload.
    pub const RESERVED_FIELDS: &[&str] = &[KEY_FIELD];
}
