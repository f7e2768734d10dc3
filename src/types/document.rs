//! Documents on their way in, and points on their way to and from a store.

use std::collections::BTreeMap;

use super::digest::{DIGEST_FIELD, Digest};
use super::{Condition, DocumentId, FieldTest, Filter, MatchValue, PointId, Range, SparseVector};

/// A JSON object: what is stored beside the vectors.
pub type Payload = serde_json::Map<String, serde_json::Value>;

/// Payload fields that begin so are the service's own. Clients can't set them and never see them.
pub const RESERVED_PREFIX: &str = "_splade";

/// The reserved payload field that keeps a [`DocumentId::Key`].
const KEY_FIELD: &str = "_splade_key";
/// The reserved payload field that says which field keeps the text, where it is not [`DEFAULT_TEXT_FIELD`].
const TEXT_FIELD_NAME: &str = "_splade_text_key";
/// The reserved payload field that keeps a document's version, and its halves, which stores can compare exactly.
pub const VERSION_FIELD: &str = "_splade_version";
const VERSION_HIGH_FIELD: &str = "_splade_version_high";
const VERSION_LOW_FIELD: &str = "_splade_version_low";
/// The payload field that keeps a document's text, unless its client asks for another.
pub const DEFAULT_TEXT_FIELD: &str = "text";

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

/// Returns the version of a stored point, given its payload.
pub fn stored_version(payload: &Payload) -> Option<i64> {
    payload.get(VERSION_FIELD)?.as_i64()
}

/// Returns the condition that a stored point has no version, or an older one. Stores compare numbers as doubles, which don't
/// hold every version, so the halves are compared.
pub fn older_than(version: i64) -> Filter {
    let (high, low) = halves(version);
    let field = |key: &str, test| Condition::Field { key: key.to_owned(), test };
    let below = |bound: i64| FieldTest::Number(Range { lt: Some(bound as f64), lte: None, gt: None, gte: None });
    let same_high = field(VERSION_HIGH_FIELD, FieldTest::Equals(MatchValue::Integer(high)));
    let lower_half = Filter { must: vec![same_high, field(VERSION_LOW_FIELD, below(low))], ..Filter::default() };
    Filter {
        should: vec![
            Condition::IsEmpty { key: VERSION_FIELD.to_owned() },
            field(VERSION_HIGH_FIELD, below(high)),
            Condition::Filter(lower_half),
        ],
        ..Filter::default()
    }
}

/// The upper 32 bits, signed, and the lower ones, unsigned: pairs are ordered as versions are.
fn halves(version: i64) -> (i64, i64) {
    (version >> 32, version & 0xffff_ffff)
}

impl Point {
    /// Joins a document and its vector. The payload keeps the text under `text_field`, unless that is empty.
    pub fn new(document: Document, sparse: SparseVector, text_field: &str) -> Self {
        let Document { id, text, mut payload, dense, version } = document;
        if let Some(version) = version {
            let (high, low) = halves(version);
            let fields = [(VERSION_FIELD, version), (VERSION_HIGH_FIELD, high), (VERSION_LOW_FIELD, low)];
            payload.extend(fields.map(|(name, value)| (name.to_owned(), value.into())));
        }
        if text_field != DEFAULT_TEXT_FIELD {
            payload.insert(TEXT_FIELD_NAME.to_owned(), text_field.into());
        }
        if !text_field.is_empty() {
            payload.insert(text_field.to_owned(), text.into());
        }
        let point_id = id.point_id();
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
    pub const RESERVED_FIELDS: &[&str] = &[KEY_FIELD, TEXT_FIELD_NAME, VERSION_FIELD];

    /// Makes a point of what a store returned, and takes the reserved fields out of the payload.
    pub fn new(id: PointId, score: f32, mut payload: Payload, sparse: Option<SparseVector>) -> Self {
        let version = stored_version(&payload);
        let mut take = |field: &str| match payload.remove(field) {
            Some(serde_json::Value::String(text)) => Some(text),
            _ => None,
        };
        let (key, text_field) = (take(KEY_FIELD), take(TEXT_FIELD_NAME));
        drop_reserved(&mut payload);
        let text_field = text_field.unwrap_or_else(|| DEFAULT_TEXT_FIELD.to_owned());
        Self {
            id: DocumentId::restore(id, key),
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
        drop_reserved(&mut payload);
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

fn drop_reserved(payload: &mut Payload) {
    payload.retain(|name, _| !name.starts_with(RESERVED_PREFIX));
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
                _ => DocumentId::made_of(&key),
            };
            let payload = Payload::from_iter([("year".to_owned(), 1967.into())]);
            let document = Document { id: id.clone(), text: "wing".to_owned(), payload: payload.clone(), dense: BTreeMap::new(), version };
            let point = Point::new(document, SparseVector::default(), &text_field);
            prop_assert_eq!(point.id, id.point_id());
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

    proptest! {
        /// Law: halves are ordered as versions are, and are exact as doubles.
        #[test]
        fn halves_are_ordered_as_versions(a: i64, b: i64) {
            prop_assert_eq!(halves(a).cmp(&halves(b)), a.cmp(&b));
            let (high, low) = halves(a);
            prop_assert_eq!((high as f64 as i64, low as f64 as i64), (high, low));
            prop_assert_eq!(high << 32 | low, a);
        }
    }
}
