//! What a stored point was made of, as a digest: a document that would become the same point need not be encoded again.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Document, Fingerprint, LongText, Payload, Pruning};

/// The reserved payload field that keeps a point's digest.
pub const DIGEST_FIELD: &str = "_splade_digest";

/// Bytes of SHA-256 that are kept.
const LENGTH: usize = 16;

/// The first 128 bits of SHA-256, in hexadecimal, of a document and of how it becomes a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// The digest that a stored payload has, if any.
    pub fn of_stored(payload: &Payload) -> Option<Self> {
        payload.get(DIGEST_FIELD)?.as_str().map(|digest| Self(digest.to_owned()))
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Self {
        Self::String(digest.0)
    }
}

/// How documents become points.
#[derive(Debug, Clone)]
pub struct Recipe(Sha256);

impl Recipe {
    /// All that decides, beside the document, what is stored.
    pub fn new(encoder: &Fingerprint, long_text: LongText, pruning: Pruning, text_key: &str) -> Self {
        let mut recipe = Sha256::new();
        text(&mut recipe, &encoder.0);
        text(&mut recipe, &format!("{long_text:?} {pruning:?}"));
        text(&mut recipe, text_key);
        Self(recipe)
    }

    /// The digest of the point that a document becomes.
    pub fn digest(&self, document: &Document) -> Digest {
        let Document { id: _, text: words, payload, dense } = document;
        let mut digest = self.0.clone();
        text(&mut digest, words);
        object(&mut digest, payload);
        length(&mut digest, dense.len());
        for (name, values) in dense {
            text(&mut digest, name);
            length(&mut digest, values.len());
            values.iter().for_each(|value| digest.update(value.to_le_bytes()));
        }
        Digest(digest.finalize()[..LENGTH].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

// Each value is preceded by its kind and length, so that no two documents are the same bytes.

fn length(digest: &mut Sha256, length: usize) {
    digest.update((length as u64).to_le_bytes());
}

fn text(digest: &mut Sha256, text: &str) {
    length(digest, text.len());
    digest.update(text);
}

/// Fields in the order of their names, whichever way they came.
fn object(digest: &mut Sha256, fields: &Payload) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    length(digest, fields.len());
    for (name, field) in fields {
        text(digest, name);
        value(digest, field);
    }
}

fn value(digest: &mut Sha256, value_of: &Value) {
    match value_of {
        Value::Null => digest.update([0]),
        Value::Bool(truth) => digest.update([1, u8::from(*truth)]),
        Value::Number(number) => {
            digest.update([2]);
            text(digest, &number.to_string());
        }
        Value::String(string) => {
            digest.update([3]);
            text(digest, string);
        }
        Value::Array(list) => {
            digest.update([4]);
            length(digest, list.len());
            list.iter().for_each(|element| value(digest, element));
        }
        Value::Object(fields) => {
            digest.update([5]);
            object(digest, fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::types::DocumentId;

    fn recipe(encoder: &str, overlap: usize, max_terms: usize, text_key: &str) -> Recipe {
        let pruning = Pruning { max_terms: Some(max_terms), ..Pruning::default() };
        Recipe::new(&Fingerprint(encoder.to_owned()), LongText::Window { overlap }, pruning, text_key)
    }

    fn document(text: &str, payload: Value, dense: &[(&str, &[f32])]) -> Document {
        let Value::Object(payload) = payload else { panic!("no object") };
        let dense: BTreeMap<_, _> = dense.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
        Document { id: DocumentId::Num(1), text: text.to_owned(), payload, dense }
    }

    #[test]
    fn whatever_decides_the_point_decides_its_digest() {
        let usual = recipe("ab", 32, 100, "text");
        let plain = || document("wing", json!({"a": 1, "b": ["x", null]}), &[("image", &[1.0, 2.0])]);
        let digest = usual.digest(&plain());
        assert_eq!(digest, usual.digest(&Document { id: DocumentId::Num(2), ..plain() }));
        assert_eq!(
            digest,
            usual.digest(&document("wing", json!({"b": ["x", null], "a": 1}), &[("image", &[1.0, 2.0])]))
        );
        let others = [
            recipe("abc", 32, 100, "text").digest(&plain()),
            recipe("ab", 33, 100, "text").digest(&plain()),
            recipe("ab", 32, 101, "text").digest(&plain()),
            recipe("ab", 32, 100, "body").digest(&plain()),
            usual.digest(&Document { text: "wings".to_owned(), ..plain() }),
            usual.digest(&document("wing", json!({"a": "1", "b": ["x", null]}), &[("image", &[1.0, 2.0])])),
            usual.digest(&document("wing", json!({"a": 1, "b": ["x"]}), &[("image", &[1.0, 2.0])])),
            usual.digest(&document("wing", json!({"a": 1, "b": {"x": null}}), &[("image", &[1.0, 2.0])])),
            usual.digest(&document("wing", json!({"a": 1, "b": ["x", null]}), &[("image", &[2.0, 1.0])])),
            usual.digest(&document("wing", json!({"a": 1, "b": ["x", null]}), &[])),
        ];
        for other in others {
            assert_ne!(digest, other);
        }
    }

    #[test]
    fn a_stored_digest_is_read_back() {
        let digest = recipe("ab", 32, 100, "text").digest(&document("wing", json!({}), &[]));
        let payload = Payload::from_iter([(DIGEST_FIELD.to_owned(), digest.clone().into())]);
        assert_eq!(Digest::of_stored(&payload), Some(digest));
        assert_eq!(Digest::of_stored(&Payload::new()), None);
    }
}
