//! Settings that determine the points of documents, and the content digest computed from them and a document.
//!
//! Digests are stored, so their format is fixed. Version 1 is 32 lower-case hexadecimal digits: the first 128 bits of a
//! SHA-256 over bytes that do not depend on names in this code (see docs/adr/0002-persisted-identities.md). Golden
//! values in the tests pin it. A later version must be written with its number and a colon as a prefix; a build that
//! does not know it treats the document as changed and writes it again, which is always correct.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::payload::Payload;
use super::{Document, Fingerprint, LongTextPolicy, Pruning};

/// Settings that determine the points of documents, as a partial hash.
#[derive(Debug, Clone)]
pub struct EncodingSpec(Sha256);

impl EncodingSpec {
    /// Hashes all settings that, besides the document, determine the stored point.
    pub fn new(encoder: &Fingerprint, long_text: LongTextPolicy, pruning: Pruning, text_field: &str) -> Self {
        let mut hasher = Sha256::new();
        hash_text(&mut hasher, &encoder.0);
        hash_text(&mut hasher, &format_encoding_options(long_text, pruning));
        hash_text(&mut hasher, text_field);
        Self(hasher)
    }

    /// Computes the content digest of a document's point.
    pub fn compute_digest(&self, document: &Document) -> Digest {
        // The id does not affect the content, and documents with a version are never skipped because of their content.
        let Document { id: _, text, payload, dense, version: _ } = document;
        let mut hasher = self.0.clone();
        hash_text(&mut hasher, text);
        hash_object(&mut hasher, payload);
        hash_length(&mut hasher, dense.len());
        for (name, values) in dense {
            hash_text(&mut hasher, name);
            hash_length(&mut hasher, values.len());
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
        Digest::from_hasher(hasher)
    }
}

/// Formats the encoding options as version 1 of the digest hashes them. The words were type names when the first
/// collections were written; they must not change.
fn format_encoding_options(long_text: LongTextPolicy, pruning: Pruning) -> String {
    let long_text = match long_text {
        LongTextPolicy::Truncate => "Truncate".to_owned(),
        LongTextPolicy::TruncateLeft => "TruncateLeft".to_owned(),
        LongTextPolicy::Reject => "Reject".to_owned(),
        LongTextPolicy::Window { overlap } => format!("Window {{ overlap: {overlap} }}"),
    };
    let format_option = |value: Option<String>| value.map_or("None".to_owned(), |value| format!("Some({value})"));
    let Pruning { max_terms, min_weight, weight_share } = pruning;
    let (max_terms, weight_share) =
        (format_option(max_terms.map(|terms| terms.to_string())), format_option(weight_share.map(format_float)));
    let min_weight = format_float(min_weight);
    format!("{long_text} Pruning {{ max_terms: {max_terms}, min_weight: {min_weight}, weight_share: {weight_share} }}")
}

/// Formats a finite float as version 1 hashes it: the shortest digits that round-trip, with a point or an exponent.
fn format_float(value: f32) -> String {
    let is_decimal = value == 0.0 || (1e-5..1e16).contains(&value.abs());
    match is_decimal {
        true if value.fract() == 0.0 => format!("{value}.0"),
        true => value.to_string(),
        false => format!("{value:e}"),
    }
}

// Each value is preceded by its kind or length, so that different documents never hash the same bytes.

fn hash_length(hasher: &mut Sha256, length: usize) {
    hasher.update((length as u64).to_le_bytes());
}

fn hash_text(hasher: &mut Sha256, text: &str) {
    hash_length(hasher, text.len());
    hasher.update(text);
}

/// Hashes the fields in the order of their names, regardless of their order in the request.
fn hash_object(hasher: &mut Sha256, fields: &Payload) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    hash_length(hasher, fields.len());
    for (name, field) in fields {
        hash_text(hasher, name);
        hash_value(hasher, field);
    }
}

fn hash_value(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hasher.update([0]),
        Value::Bool(flag) => hasher.update([1, u8::from(*flag)]),
        Value::Number(number) => {
            hasher.update([2]);
            // serde_json writes the shortest digits that round-trip. Golden values pin them, including cases where two
            // shortest representations are equally close.
            hash_text(hasher, &number.to_string());
        }
        Value::String(string) => {
            hasher.update([3]);
            hash_text(hasher, string);
        }
        Value::Array(list) => {
            hasher.update([4]);
            hash_length(hasher, list.len());
            list.iter().for_each(|element| hash_value(hasher, element));
        }
        Value::Object(fields) => {
            hasher.update([5]);
            hash_object(hasher, fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::digest::DIGEST_FIELD;
    use super::*;
    use crate::types::DocumentId;

    fn new_spec(encoder: &str, overlap: usize, max_terms: usize, text_field: &str) -> EncodingSpec {
        let pruning = Pruning { max_terms: Some(max_terms), ..Pruning::default() };
        EncodingSpec::new(&Fingerprint(encoder.to_owned()), LongTextPolicy::Window { overlap }, pruning, text_field)
    }

    fn new_document(text: &str, payload: Value, dense: &[(&str, &[f32])]) -> Document {
        let Value::Object(payload) = payload else { panic!("no object") };
        let dense: BTreeMap<_, _> = dense.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
        Document { id: DocumentId::Num(1), text: text.to_owned(), payload, dense, version: None }
    }

    #[test]
    fn each_setting_and_field_of_the_point_changes_its_digest() {
        let base_spec = new_spec("ab", 32, 100, "text");
        let plain = || new_document("wing", json!({"a": 1, "b": ["x", null]}), &[("image", &[1.0, 2.0])]);
        let digest = base_spec.compute_digest(&plain());
        assert_eq!(digest, base_spec.compute_digest(&Document { id: DocumentId::Num(2), ..plain() }));
        assert_eq!(
            digest,
            base_spec.compute_digest(&new_document(
                "wing",
                json!({"b": ["x", null], "a": 1}),
                &[("image", &[1.0, 2.0])]
            ))
        );
        let others = [
            new_spec("abc", 32, 100, "text").compute_digest(&plain()),
            new_spec("ab", 33, 100, "text").compute_digest(&plain()),
            new_spec("ab", 32, 101, "text").compute_digest(&plain()),
            new_spec("ab", 32, 100, "body").compute_digest(&plain()),
            base_spec.compute_digest(&Document { text: "wings".to_owned(), ..plain() }),
            base_spec.compute_digest(&new_document(
                "wing",
                json!({"a": "1", "b": ["x", null]}),
                &[("image", &[1.0, 2.0])],
            )),
            base_spec.compute_digest(&new_document("wing", json!({"a": 1, "b": ["x"]}), &[("image", &[1.0, 2.0])])),
            base_spec.compute_digest(&new_document(
                "wing",
                json!({"a": 1, "b": {"x": null}}),
                &[("image", &[1.0, 2.0])],
            )),
            base_spec.compute_digest(&new_document(
                "wing",
                json!({"a": 1, "b": ["x", null]}),
                &[("image", &[2.0, 1.0])],
            )),
            base_spec.compute_digest(&new_document("wing", json!({"a": 1, "b": ["x", null]}), &[])),
        ];
        for other in others {
            assert_ne!(digest, other);
        }
    }

    /// Golden digests that the build of 2026-11-30 stored in a collection (tests/data/store). If one changed, a new
    /// build would encode every stored document again, and an older build running in parallel would encode the
    /// documents of the new one again.
    #[test]
    fn version_1_matches_the_first_collections() {
        const TINY: &str = "b98f564b63188302e4c7ee976ae170e87743ce09182255f0545f98bf2aae5ce9";
        let tiny = Fingerprint(TINY.to_owned());
        let plain = EncodingSpec::new(&tiny, LongTextPolicy::Truncate, Pruning::default(), "text");
        let pruning = Pruning { max_terms: Some(64), min_weight: 0.05, weight_share: Some(0.9) };
        let windows = EncodingSpec::new(&tiny, LongTextPolicy::Window { overlap: 8 }, pruning, "text");
        let fox = new_document(
            "a fox and a hound",
            json!({"year": 1967, "x": 0.1, "tags": ["a", null, true], "by": {"n": -5}}),
            &[],
        );
        let none = new_document("no id at all", json!({"f": 1.5e-7, "g": 1e20}), &[]);
        let dense = new_document("größe", json!({"": {"b": [], "a": {}}}), &[("image", &[0.5, -1e-9]), ("audio", &[])]);
        for (spec, document, expected) in [
            (&plain, &fox, "aedb2d871985d6fb254ff5fa5735a913"),
            (&plain, &none, "6873234ccd6e1969f14381de873f1bb3"),
            (&plain, &dense, "12504121ecd190c47e9df49bdf4c59aa"),
            (&windows, &fox, "14b67bd15d83cca42645898cabeb2857"),
            (&windows, &none, "9d1cafe430437ecd8be95668d0c2602c"),
            (&windows, &dense, "48f5963010152dfde21a8710f2825d23"),
        ] {
            assert_eq!(spec.compute_digest(document).0, expected, "{document:?}");
        }
    }

    #[test]
    fn the_format_of_encoding_options_is_stable() {
        let pruning = |max_terms, min_weight, weight_share| Pruning { max_terms, min_weight, weight_share };
        for (long_text, pruning, expected) in [
            (
                LongTextPolicy::Truncate,
                Pruning::default(),
                "Truncate Pruning { max_terms: None, min_weight: 0.0, weight_share: None }",
            ),
            (
                LongTextPolicy::TruncateLeft,
                pruning(Some(128), 1.0, Some(1.0)),
                "TruncateLeft Pruning { max_terms: Some(128), min_weight: 1.0, weight_share: Some(1.0) }",
            ),
            (
                LongTextPolicy::Reject,
                pruning(None, 1e-6, Some(0.95)),
                "Reject Pruning { max_terms: None, min_weight: 1e-6, weight_share: Some(0.95) }",
            ),
            (
                LongTextPolicy::Window { overlap: 0 },
                pruning(Some(1), 1e16, None),
                "Window { overlap: 0 } Pruning { max_terms: Some(1), min_weight: 1e16, weight_share: None }",
            ),
        ] {
            assert_eq!(format_encoding_options(long_text, pruning), expected);
        }
    }

    #[test]
    fn the_format_of_numbers_is_stable() {
        for (value, expected) in [
            (json!(0.1 + 0.2), "0.30000000000000004"),
            (json!(0.230_899_810_791_015_62), "0.23089981079101562"),
            (json!(1.5e-7), "1.5e-7"),
            (json!(1e-5), "0.00001"),
            (json!(1e-6), "1e-6"),
            (json!(1e20), "1e+20"),
            (json!(123_456_789_012_345_680_000.0), "1.2345678901234568e+20"),
            (json!(1e15), "1000000000000000.0"),
            (json!(5e-324), "5e-324"),
            (json!(f64::MAX), "1.7976931348623157e+308"),
            (json!(-0.5), "-0.5"),
            (json!(i64::MIN), "-9223372036854775808"),
        ] {
            let Value::Number(value) = value else { panic!("no number") };
            assert_eq!(value.to_string(), expected);
        }
    }

    proptest! {
        /// Invariant: floats of requests are formatted as by the first builds, which used Rust's `Debug`.
        #[test]
        fn the_format_of_floats_is_stable(value in prop::num::f32::POSITIVE | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL) {
            prop_assert_eq!(format_float(value), format!("{value:?}"));
        }
    }

    #[test]
    fn a_stored_digest_is_read_back() {
        let digest = new_spec("ab", 32, 100, "text").compute_digest(&new_document("wing", json!({}), &[]));
        let payload = Payload::from_iter([(DIGEST_FIELD.to_owned(), digest.clone().into())]);
        assert_eq!(Digest::from_payload(&payload), Some(digest));
        assert_eq!(Digest::from_payload(&Payload::new()), None);
    }
}
