//! Document ids, as people and JSON files write them.

use serde_json::{Map, Number, Value, json};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::json::{describe_kind, id_from_f64};
use crate::proto::DocumentId;
use crate::proto::document_id::Kind;

/// What says that the rest is a name, though it looks like a number or a UUID.
const KEY_PREFIX: &str = "key:";

/// The id that a JSON value stands for; `None` for null, which is no id. The table of all kinds is
/// tests/data/doors/ids.json.
///
/// A whole number from 0 is a number, a string in the form of a UUID with hyphens is a UUID, another string is a name.
/// UUIDs without hyphens stay names: 32 hexadecimal digits are more often a hash, and a name comes back as it was given.
/// An object is an id as the contract has it, such as `{"key": "…"}` for a name in the form of a UUID.
pub fn from_json(value: &Value) -> Result<Option<DocumentId>, String> {
    let kind = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => Kind::Num(parse_number(number)?),
        Value::String(text) => return Ok(Some(from_string(text))),
        Value::Object(fields) => parse_object(fields)?,
        Value::Bool(_) | Value::Array(_) => return Err(format!("it is {}; {EXPECTED}", describe_kind(value))),
    };
    Ok(Some(DocumentId { kind: Some(kind) }))
}

const EXPECTED: &str = "give a whole number from 0 to 2^64 - 1, a string, or an object such as {\"key\": \"a name\"}";

/// A whole number, however it is written. Those from 2^53 on only in digits: a float may have been rounded.
fn parse_number(number: &Number) -> Result<u64, String> {
    let float = number.as_f64().filter(|_| number.is_f64()).and_then(id_from_f64);
    number.as_u64().or(float).ok_or_else(|| format!("{number} is no id; {EXPECTED}"))
}

/// An id in the form of the contract, with exactly one field.
fn parse_object(fields: &Map<String, Value>) -> Result<Kind, String> {
    let mut fields = fields.iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(format!("it is an object without exactly one of `num`, `uuid` and `key`; {EXPECTED}"));
    };
    match (name.as_str(), value) {
        ("num", Value::Number(number)) => parse_number(number).map(Kind::Num),
        ("num", Value::String(digits)) => {
            digits.parse().map(Kind::Num).map_err(|_| format!("`{digits}` is no number of 64 bits; {EXPECTED}"))
        }
        ("uuid", Value::String(text)) => match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Kind::Uuid(uuid.to_string())),
            Err(error) => Err(format!("`{text}` is no UUID: {error}; use `key` for a name")),
        },
        ("key", Value::String(name)) => Ok(Kind::Key(name.clone())),
        ("num" | "uuid" | "key", _) => Err(format!("its field `{name}` is {}; {EXPECTED}", describe_kind(value))),
        _ => Err(format!("it has a field `{name}` and not one of `num`, `uuid` and `key`; {EXPECTED}")),
    }
}

/// The id that was typed, or that a cell of a table holds: digits as JSON has them are a number, `key:` in front makes
/// anything a name, and the rest is as in JSON. `007` is a name, and another one than `7`.
pub fn from_text(text: &str) -> DocumentId {
    if let Some(key) = text.strip_prefix(KEY_PREFIX) {
        return DocumentId { kind: Some(Kind::Key(key.to_owned())) };
    }
    match text.parse::<u64>() {
        Ok(num) if num.to_string() == text => DocumentId { kind: Some(Kind::Num(num)) },
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

/// The id as JSON: a number or a string, or an object where a string would be another id. [`from_json`] reads it back.
pub fn to_json(id: Option<DocumentId>) -> Value {
    let Some(DocumentId { kind: Some(kind) }) = &id else { return Value::Null };
    match kind {
        Kind::Num(num) => (*num).into(),
        Kind::Uuid(text) => text.as_str().into(),
        Kind::Key(key) if Some(from_string(key)) == id => key.as_str().into(),
        Kind::Key(key) => json!({ "key": key }),
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

    use super::*;
    use crate::json;

    /// Read, not included: an image is built from `src` without `tests`.
    const IDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/doors/ids.json");

    /// What the table says, in its words.
    fn becomes(id: Result<Option<DocumentId>, String>) -> Value {
        match id.map(|id| id.and_then(|id| id.kind)) {
            Err(_) => json!("refused"),
            // The server refuses an empty name.
            Ok(Some(Kind::Key(key))) if key.is_empty() => json!("refused"),
            Ok(None) => json!("made"),
            Ok(Some(Kind::Num(num))) => json!({ "num": num.to_string() }),
            Ok(Some(Kind::Uuid(uuid))) => json!({ "uuid": uuid }),
            Ok(Some(Kind::Key(key))) => json!({ "key": key }),
        }
    }

    /// The rows of the table, each with its id as it is written there: one of them is a number that no parser takes.
    fn rows(section: &str) -> Vec<(String, Value)> {
        let table = std::fs::read_to_string(IDS).unwrap();
        let lines = table.lines().skip_while(|line| !line.contains(section)).skip(1);
        let rows = lines.map_while(|line| line.trim().strip_prefix(r#"{"id": "#)?.rsplit_once(r#", "becomes": "#));
        let rows = rows.map(|(id, becomes)| {
            let becomes = becomes.trim_end_matches(',').strip_suffix('}').unwrap();
            (id.to_owned(), serde_json::from_str(becomes).unwrap())
        });
        rows.collect()
    }

    #[test]
    fn json_values_are_what_the_table_says() {
        let rows = rows(r#""values""#);
        assert!(rows.len() > 30, "{}", rows.len());
        for (id, expected) in rows {
            let found = json::parse(id.as_bytes()).map_err(|error| error.message).and_then(|value| from_json(&value));
            if let Err(problem) = &found {
                assert!(
                    problem.contains("give ") || problem.contains("make it") || problem.contains("use "),
                    "{problem}"
                );
            }
            assert_eq!(becomes(found), expected, "{id}");
        }
    }

    #[test]
    fn texts_are_what_the_table_says() {
        let rows = rows(r#""texts""#);
        assert!(rows.len() > 10, "{}", rows.len());
        // An empty cell is no id; an empty argument is an empty name, which the server refuses.
        for (id, expected) in rows.into_iter().filter(|(id, _)| id != "\"\"") {
            let id: String = serde_json::from_str(&id).unwrap();
            assert_eq!(becomes(Ok(Some(from_text(&id)))), expected, "{id}");
        }
    }

    fn any_id() -> impl Strategy<Value = DocumentId> {
        let kind = prop_oneof![
            any::<u64>().prop_map(Kind::Num),
            any::<u128>().prop_map(|bits| Kind::Uuid(Uuid::from_u128(bits).to_string())),
            "(key:){0,2}[0-9a-z-]{1,8}".prop_map(Kind::Key),
            any::<u128>().prop_map(|bits| Kind::Key(Uuid::from_u128(bits).to_string())),
            any::<u64>().prop_map(|num| Kind::Key(num.to_string())),
            "0{0,3}[0-9]{1,3}".prop_map(Kind::Key),
        ];
        kind.prop_map(|kind| DocumentId { kind: Some(kind) })
    }

    proptest! {
        /// Law: what is printed can be typed, or put into a file.
        #[test]
        fn what_is_printed_reads_back(id in any_id()) {
            prop_assert_eq!(from_text(&to_text(&id)), id.clone());
            prop_assert_eq!(from_json(&to_json(Some(id.clone()))).unwrap(), Some(id));
        }
    }
}
