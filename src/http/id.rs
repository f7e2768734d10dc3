//! Document ids: numbers and strings in JSON, instead of the objects of the canonical mapping.
//!
//! The rules are those of JSON lines (docs/documents.md; as a table in `tests/data/id_forms/ids.json`). An id has at most one short
//! form, so the mapping is lossless: ids without a short form are written as objects.

use std::fmt;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde_json::json;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::safe_integer::MAX_SAFE_INTEGER;
use crate::json::id_from_f64;
use crate::proto::DocumentId;
use crate::proto::document_id::Kind;

/// Full name of the id message.
pub const MESSAGE_NAME: &str = "splade_sidecar.v1.DocumentId";

/// Reads an id. Returns the id of a short form, and `None` for an object, which is passed to the visitor `object`.
pub struct IdVisitor<V> {
    pub object: V,
}

impl<'de, V: Visitor<'de, Value = ()>> Visitor<'de> for IdVisitor<V> {
    type Value = Option<Kind>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an id: an integer from 0 to 2^64 - 1, a non-empty string, or an object such as {\"key\": \"a name\"}",
        )
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Kind::Num(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        match u64::try_from(value) {
            Ok(num) => Ok(Some(Kind::Num(num))),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        match id_from_f64(value) {
            Some(num) => Ok(Some(Kind::Num(num))),
            None => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        if value.is_empty() {
            return Err(E::invalid_value(Unexpected::Str(value), &self));
        }
        Ok(Some(parse_string(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.object.visit_map(map).map(|()| None)
    }
}

/// Parses the short form of a UUID or a key: a hyphenated UUID is a UUID, and any other string is a key.
fn parse_string(text: &str) -> Kind {
    match text.parse::<Hyphenated>() {
        Ok(uuid) => Kind::Uuid(Uuid::from(uuid).to_string()),
        Err(_) => Kind::Key(text.to_owned()),
    }
}

/// Appends an id to `json`: its short form, or an object if the short form would be read as another id.
///
/// # Errors
/// Never fails in practice: writing to a `Vec` succeeds.
pub fn write(id: &DocumentId, json: &mut Vec<u8>) -> serde_json::Result<()> {
    let value = match &id.kind {
        None => json!({}),
        Some(Kind::Num(num)) if *num <= MAX_SAFE_INTEGER => json!(num),
        Some(Kind::Num(num)) => json!({ "num": num.to_string() }),
        Some(kind @ (Kind::Uuid(text) | Kind::Key(text))) if *kind == parse_string(text) => json!(text),
        Some(Kind::Uuid(text)) => json!({ "uuid": text }),
        Some(Kind::Key(text)) => json!({ "key": text }),
    };
    serde_json::to_writer(json, &value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use serde_json::Value;

    use super::super::contract::message;
    use super::super::json_decode::decode_message;
    use super::*;

    /// Path of the table. Read at run time instead of included, because images are built without `tests`.
    const IDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/id_forms/ids.json");

    /// Reads the id of a document; `None` if the document has no id.
    fn read_id(json: &str) -> Result<Option<DocumentId>, String> {
        #[derive(Clone, PartialEq, Message)]
        struct OnlyId {
            #[prost(message, optional, tag = "1")]
            id: Option<DocumentId>,
        }
        let mut wire = Vec::new();
        decode_message(&message("Document"), format!("{{\"id\": {json}}}").as_bytes(), &mut wire).map_err(|error| {
            assert!(error.field.starts_with("id"), "{error:?}");
            error.message
        })?;
        Ok(OnlyId::decode(&*wire).unwrap().id)
    }

    fn written(id: &DocumentId) -> String {
        let mut json = Vec::new();
        write(id, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    /// Returns an id in the format of the table.
    fn becomes(id: Result<Option<DocumentId>, String>) -> Value {
        match id.map(|id| id.map(|id| id.kind)) {
            Err(_) => json!("refused"),
            Ok(None) => json!("made"),
            // The service refuses empty ids and invalid UUIDs.
            Ok(Some(None)) => json!("refused"),
            Ok(Some(Some(Kind::Num(num)))) => json!({ "num": num.to_string() }),
            Ok(Some(Some(Kind::Uuid(text)))) => match Uuid::parse_str(&text) {
                Ok(uuid) => json!({ "uuid": uuid.to_string() }),
                Err(_) => json!("refused"),
            },
            Ok(Some(Some(Kind::Key(key)))) => json!({ "key": key }),
        }
    }

    #[test]
    fn ids_are_read_as_in_the_table() {
        let table = std::fs::read_to_string(IDS).unwrap();
        // Read as text, because one of the ids is a number that JSON parsers refuse.
        let lines = table.lines().skip_while(|line| !line.contains(r#""values""#)).skip(1);
        let rows = lines.map_while(|line| line.trim().strip_prefix(r#"{"id": "#)?.rsplit_once(r#", "becomes": "#));
        let mut count = 0;
        for (id, expected) in rows {
            let expected = expected.trim_end_matches(',').strip_suffix('}').unwrap();
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(becomes(read_id(id)), expected, "{id}");
            count += 1;
        }
        assert!(count > 30, "{count}");
    }

    #[test]
    fn errors_describe_the_forms_of_an_id() {
        for id in ["-1", "7.5", "9007199254740992.0", "18446744073709551616", "\"\"", "true", "[7]"] {
            let problem = read_id(id).unwrap_err();
            assert!(problem.contains("expected an id: an integer from 0 to 2^64 - 1"), "{id}: {problem}");
        }
        assert!(read_id(r#"{"num": 7, "key": "7"}"#).unwrap_err().contains("multiple fields"));
    }

    #[test]
    fn ids_are_written_in_the_short_form_if_possible() {
        const UUID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
        for (kind, expected) in [
            (Kind::Num(7), json!(7)),
            (Kind::Num((1 << 53) - 1), json!(9_007_199_254_740_991_u64)),
            (Kind::Num(1 << 53), json!({ "num": "9007199254740992" })),
            (Kind::Num(u64::MAX), json!({ "num": "18446744073709551615" })),
            (Kind::Uuid(UUID.to_owned()), json!(UUID)),
            (Kind::Key(UUID.to_owned()), json!({ "key": UUID })),
            (Kind::Key("7".to_owned()), json!("7")),
            (Kind::Key("mail/42".to_owned()), json!("mail/42")),
        ] {
            assert_eq!(written(&DocumentId { kind: Some(kind) }), expected.to_string());
        }
    }

    fn any_kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            any::<u64>().prop_map(Kind::Num),
            (0_u64..1 << 54).prop_map(Kind::Num),
            any::<u128>().prop_map(|bits| Kind::Uuid(Uuid::from_u128(bits).to_string())),
            any::<u128>().prop_map(|bits| Kind::Key(Uuid::from_u128(bits).to_string())),
            any::<u128>().prop_map(|bits| Kind::Key(Uuid::from_u128(bits).simple().to_string())),
            ".{1,9}".prop_map(Kind::Key),
        ]
    }

    proptest! {
        /// Law: an id of a response is read as the same id in a request.
        #[test]
        fn ids_round_trip(kind in any_kind()) {
            let id = DocumentId { kind: Some(kind) };
            prop_assert_eq!(read_id(&written(&id)), Ok(Some(id)));
        }
    }
}
