//! Document ids in command-line arguments, table cells and JSON.

use serde_json::{Map, Number, Value, json};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::json::{describe_kind, id_from_f64};
use crate::proto::DocumentId;
use crate::proto::document_id::Kind;

/// Prefix that forces a string id, for strings that look like a number or a UUID.
const KEY_PREFIX: &str = "key:";

/// Parses the id in a JSON value; `None` for null. The cases that all interfaces share are in tests/data/id_forms/ids.json.
///
/// A non-negative whole number is a number, a hyphenated UUID in a string is a UUID, any other string is a string id. UUIDs
/// without hyphens are string ids: 32 hexadecimal digits are more often a hash, and a string id is returned unchanged. An
/// object is a `DocumentId` message as JSON, such as `{"key": "…"}` for a string id in the form of a UUID.
///
/// # Errors
/// A message with the problem and the accepted forms.
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

/// Accepted forms of an id, for error messages.
const EXPECTED: &str = "give a whole number from 0 to 2^64 - 1, a string, or an object such as {\"key\": \"a name\"}";

/// Parses a non-negative whole number in any JSON notation. From 2^53 on, only integer notation is accepted, because a float
/// may have been rounded.
fn parse_number(number: &Number) -> Result<u64, String> {
    let float = number.as_f64().filter(|_| number.is_f64()).and_then(id_from_f64);
    number.as_u64().or(float).ok_or_else(|| format!("{number} is not an id; {EXPECTED}"))
}

/// Parses a `DocumentId` message as JSON, with exactly one field.
fn parse_object(fields: &Map<String, Value>) -> Result<Kind, String> {
    let mut fields = fields.iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(format!("it is an object without exactly one of `num`, `uuid` and `key`; {EXPECTED}"));
    };
    match (name.as_str(), value) {
        ("num", Value::Number(number)) => parse_number(number).map(Kind::Num),
        ("num", Value::String(digits)) => digits
            .parse()
            .map(Kind::Num)
            .map_err(|_| format!("`{digits}` is not an unsigned 64-bit number; {EXPECTED}")),
        ("uuid", Value::String(text)) => match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Kind::Uuid(uuid.to_string())),
            Err(error) => Err(format!("`{text}` is not a UUID: {error}; use `key` for a string id")),
        },
        ("key", Value::String(name)) => Ok(Kind::Key(name.clone())),
        ("num" | "uuid" | "key", _) => Err(format!("its field `{name}` is {}; {EXPECTED}", describe_kind(value))),
        _ => Err(format!("it has a field `{name}` and not one of `num`, `uuid` and `key`; {EXPECTED}")),
    }
}

/// Parses the id in an argument or a table cell: digits without leading zeros are a number, the prefix `key:` forces a string
/// id, and any other text is parsed like a JSON string. `007` is a string id, different from `7`.
pub fn from_text(text: &str) -> DocumentId {
    if let Some(key) = text.strip_prefix(KEY_PREFIX) {
        return DocumentId { kind: Some(Kind::Key(key.to_owned())) };
    }
    match text.parse::<u64>() {
        Ok(num) if num.to_string() == text => DocumentId { kind: Some(Kind::Num(num)) },
        _ => from_string(text),
    }
}

/// Formats an id as text that [`from_text`] parses to the same id.
pub fn to_text(id: &DocumentId) -> String {
    match &id.kind {
        None => String::new(),
        Some(Kind::Num(num)) => num.to_string(),
        Some(Kind::Uuid(uuid)) => uuid.clone(),
        Some(Kind::Key(key)) if from_text(key) == *id => key.clone(),
        Some(Kind::Key(key)) => format!("{KEY_PREFIX}{key}"),
    }
}

/// Formats an id as JSON that [`from_json`] parses to the same id: a number or a string, or an object if the string would be
/// parsed as another id.
pub fn to_json(id: Option<DocumentId>) -> Value {
    let Some(DocumentId { kind: Some(kind) }) = &id else { return Value::Null };
    match kind {
        Kind::Num(num) => (*num).into(),
        Kind::Uuid(text) => text.as_str().into(),
        Kind::Key(key) if Some(from_string(key)) == id => key.as_str().into(),
        Kind::Key(key) => json!({ "key": key }),
    }
}

/// Parses a string: a hyphenated UUID, or a string id.
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

    /// Path of the cases. Read at run time because container images are built from `src` without `tests`.
    const IDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/id_forms/ids.json");

    /// Formats a parsed id like the `becomes` field of the cases.
    fn to_expected_form(id: Result<Option<DocumentId>, String>) -> Value {
        match id.map(|id| id.and_then(|id| id.kind)) {
            Err(_) => json!("refused"),
            // The server refuses an empty string id.
            Ok(Some(Kind::Key(key))) if key.is_empty() => json!("refused"),
            Ok(None) => json!("made"),
            Ok(Some(Kind::Num(num))) => json!({ "num": num.to_string() }),
            Ok(Some(Kind::Uuid(uuid))) => json!({ "uuid": uuid }),
            Ok(Some(Kind::Key(key))) => json!({ "key": key }),
        }
    }

    /// Returns the cases of a section, each with the text of its id: one id is a number that no JSON parser accepts.
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
    fn json_values_are_parsed_as_in_the_cases() {
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
            assert_eq!(to_expected_form(found), expected, "{id}");
        }
    }

    #[test]
    fn texts_are_parsed_as_in_the_cases() {
        let rows = rows(r#""texts""#);
        assert!(rows.len() > 10, "{}", rows.len());
        // An empty cell is a missing id; an empty argument is an empty string id, which the server refuses.
        for (id, expected) in rows.into_iter().filter(|(id, _)| id != "\"\"") {
            let id: String = serde_json::from_str(&id).unwrap();
            assert_eq!(to_expected_form(Ok(Some(from_text(&id)))), expected, "{id}");
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
        /// Property: a formatted id parses to the same id.
        #[test]
        fn ids_round_trip(id in any_id()) {
            prop_assert_eq!(from_text(&to_text(&id)), id.clone());
            prop_assert_eq!(from_json(&to_json(Some(id.clone()))).unwrap(), Some(id));
        }
    }
}
