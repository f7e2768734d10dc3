//! Document ids, as people and JSON files write them.

use serde_json::Value;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::proto::DocumentId;
use crate::proto::document_id::Kind;

/// What says that the rest is a name, though it looks like a number or a UUID.
const KEY_PREFIX: &str = "key:";

/// The id that a JSON value stands for; `None` for null, which is no id.
///
/// A whole number from 0 is a number, a string in the form of a UUID with hyphens is a UUID, another string is a name.
/// UUIDs without hyphens stay names: 32 hexadecimal digits are more often a hash, and a name comes back as it was given.
pub fn from_json(value: &Value) -> Result<Option<DocumentId>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => match number.as_u64() {
            Some(num) => Ok(Some(DocumentId { kind: Some(Kind::Num(num)) })),
            None => Err(format!("{number} is no id; give a whole number from 0 to 2^64 - 1, or a string")),
        },
        Value::String(text) => Ok(Some(from_string(text))),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("an id is a whole number or a string; give one of these, or leave it out".to_owned())
        }
    }
}

/// The id that was typed: as in JSON, but digits are a number, and `key:` in front makes anything a name.
pub fn from_text(text: &str) -> DocumentId {
    if let Some(key) = text.strip_prefix(KEY_PREFIX) {
        return DocumentId { kind: Some(Kind::Key(key.to_owned())) };
    }
    match text.parse() {
        Ok(num) if text.bytes().all(|byte| byte.is_ascii_digit()) => DocumentId { kind: Some(Kind::Num(num)) },
        _ => from_string(text),
    }
}

/// The id as it can be typed; [`from_text`] reads it back.
pub fn to_text(id: &DocumentId) -> String {
    match &id.kind {
        None => String::new(),
        Some(Kind::Num(num)) => num.to_string(),
        Some(Kind::Uuid(uuid)) => uuid.clone(),
        Some(Kind::Key(key)) if from_text(key) == *id => key.clone(),
        Some(Kind::Key(key)) => format!("{KEY_PREFIX}{key}"),
    }
}

/// The id as JSON: a number or a string.
pub fn to_json(id: Option<DocumentId>) -> Value {
    match id.and_then(|id| id.kind) {
        None => Value::Null,
        Some(Kind::Num(num)) => num.into(),
        Some(Kind::Uuid(text) | Kind::Key(text)) => text.into(),
    }
}

fn from_string(text: &str) -> DocumentId {
    let kind = match text.parse::<Hyphenated>() {
        Ok(uuid) => Kind::Uuid(Uuid::from(uuid).to_string()),
        Err(_) => Kind::Key(text.to_owned()),
    };
    DocumentId { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const UUID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

    fn kind(value: Value) -> Option<Kind> {
        from_json(&value).unwrap().and_then(|id| id.kind)
    }

    #[test]
    fn json_values_are_numbers_uuids_or_names() {
        assert_eq!(kind(json!(null)), None);
        assert_eq!(kind(json!(0)), Some(Kind::Num(0)));
        assert_eq!(kind(json!(u64::MAX)), Some(Kind::Num(u64::MAX)));
        assert_eq!(kind(json!("7")), Some(Kind::Key("7".to_owned())));
        assert_eq!(kind(json!(UUID)), Some(Kind::Uuid(UUID.to_owned())));
        assert_eq!(kind(json!(UUID.to_uppercase())), Some(Kind::Uuid(UUID.to_owned())));
        let hash = UUID.replace('-', "");
        assert_eq!(kind(json!(hash)), Some(Kind::Key(hash)));
        for value in [json!(-1), json!(1.5), json!(1e30), json!(true), json!([1]), json!({})] {
            assert!(from_json(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_typed() {
        assert_eq!(from_text("42").kind, Some(Kind::Num(42)));
        assert_eq!(from_text("+42").kind, Some(Kind::Key("+42".to_owned())));
        assert_eq!(from_text("key:42").kind, Some(Kind::Key("42".to_owned())));
        assert_eq!(from_text(UUID).kind, Some(Kind::Uuid(UUID.to_owned())));
    }

    proptest! {
        /// Law: what is printed can be typed.
        #[test]
        fn text_reads_back(kind in prop_oneof![
            any::<u64>().prop_map(Kind::Num),
            any::<u128>().prop_map(|bits| Kind::Uuid(Uuid::from_u128(bits).to_string())),
            "(key:){0,2}[0-9a-z-]{1,8}".prop_map(Kind::Key),
            any::<u128>().prop_map(|bits| Kind::Key(Uuid::from_u128(bits).to_string())),
            any::<u64>().prop_map(|num| Kind::Key(num.to_string())),
        ]) {
            let id = DocumentId { kind: Some(kind) };
            prop_assert_eq!(from_text(&to_text(&id)), id);
        }
    }
}
