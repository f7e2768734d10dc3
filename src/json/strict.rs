//! Lossless parser of JSON values.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::number::TWO_POW_63;
use super::path::path_at;
use super::token::{as_integer, token_length};

/// Parse error with the path of the invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Path of the invalid value, such as `tags[3].name`; empty for the root.
    pub path: String,
    pub message: String,
    /// Set if the value exceeds the maximum size.
    pub is_too_large: bool,
}

/// Parses a JSON value, nested at most 127 levels deep (serde_json's limit).
///
/// # Errors
/// If the text is not valid JSON, an object has a duplicate key, an integer is outside -2^63 … 2^64 - 1, or a number is
/// outside the range of doubles.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    parse_bounded(text, usize::MAX)
}

/// Parses a JSON value, and fails as soon as the values read so far exceed `max_bytes` as compact JSON. This bounds the
/// memory, because a value of two bytes takes many times that in memory.
fn parse_bounded(text: &[u8], max_bytes: usize) -> Result<Value, JsonError> {
    let (has_large_double, remaining_bytes) = (Cell::new(false), Cell::new(Some(max_bytes)));
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = StrictVisitor { has_large_double: &has_large_double, remaining_bytes: &remaining_bytes }
        .deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| JsonError {
        path: path_at(text, error.line(), error.column()),
        message: error.to_string(),
        is_too_large: remaining_bytes.get().is_none(),
    })?;
    // Scan the text for oversized integers only if one is possible.
    match has_large_double.get().then(|| find_oversized_integer(text)).flatten() {
        None => Ok(value),
        Some((number, end)) => {
            let message = format!("{number} does not fit 64 bits, so it can't be stored exactly; use a string");
            Err(JsonError { path: path_at(text, 1, end), message, is_too_large: false })
        }
    }
}

/// Parses a JSON object of at most about `max_bytes` as compact JSON. The size is estimated from below, so that larger
/// objects may be accepted, but the memory is bounded.
///
/// # Errors
/// Same conditions as [`parse`]; also if the value is too large or not an object.
pub fn parse_object(text: &[u8], max_bytes: usize) -> Result<Map<String, Value>, JsonError> {
    match parse_bounded(text, max_bytes)? {
        Value::Object(fields) => Ok(fields),
        other => {
            let message = format!("expected a JSON object, found {}", describe_kind(&other));
            Err(JsonError { path: String::new(), message, is_too_large: false })
        }
    }
}

/// Returns the kind of a value with an article, for error messages.
pub fn describe_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Visitor that builds a value, and records whether a double is so large that it may have been written as an integer.
#[derive(Clone, Copy)]
struct StrictVisitor<'a> {
    has_large_double: &'a Cell<bool>,
    /// Remaining size budget in bytes; `None` once it is exceeded.
    remaining_bytes: &'a Cell<Option<usize>>,
}

impl StrictVisitor<'_> {
    /// Deducts bytes from the size budget.
    fn consume<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.remaining_bytes.set(self.remaining_bytes.get().and_then(|remaining| remaining.checked_sub(bytes)));
        self.remaining_bytes.get().map(drop).ok_or_else(|| E::custom("the value is too large"))
    }
}

impl<'de> DeserializeSeed<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() >= TWO_POW_63 {
            self.has_large_double.set(true);
        }
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.consume(value.len())?;
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.consume(value.len())?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            // Lower bound: one byte per element, and a comma before all but the first.
            self.consume(if values.is_empty() { 1 } else { 2 })?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate key `{name}`; use each key only once")));
            }
            // Two quotes, a colon and a digit.
            self.consume(name.len() + 4)?;
            let value = map.next_value_seed(self)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// Returns the first integer in a JSON text that fits neither `i64` nor `u64`, and the offset of its end. serde_json returns
/// such an integer as a rounded double, which can't be distinguished from a number written as a double, such as `1e30`.
fn find_oversized_integer(text: &[u8]) -> Option<(&str, usize)> {
    let mut offset = 0;
    while let Some(remaining) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let length = token_length(remaining);
        let integer = remaining.get(..length).and_then(as_integer);
        if let Some(integer) = integer.filter(|it| it.parse::<i64>().is_err() && it.parse::<u64>().is_err()) {
            return Some((integer, offset + length));
        }
        offset += length;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn problem(text: &str) -> (String, String) {
        let JsonError { path, message: problem, .. } = parse(text.as_bytes()).unwrap_err();
        (path, problem)
    }

    #[test]
    fn lossy_and_invalid_values_are_refused_with_their_path() {
        for (text, path, part) in [
            (r#"{"a": 1, "b": {"c": 1, "c": 1}}"#, "b.c", "duplicate key `c`"),
            (r#"{"": 1, "": 1}"#, "", "duplicate key ``"),
            (r#"{"\u0061": 1, "a": 2}"#, "a", "duplicate key `a`"),
            (
                r#"{"x\"1": [1, {"n": 18446744073709551616}]}"#,
                "x\\\"1[1].n",
                "18446744073709551616 does not fit 64 bits",
            ),
            (r#"[-9223372036854775809]"#, "[0]", "use a string"),
            ("{\"a\":\n1,\n\"b\": 100000000000000000000000}", "b", "does not fit"),
            (r#"{"a": 1e999}"#, "a", "number out of range"),
            (r#"{"a": NaN}"#, "a", "expected value"),
            (r#"{"a": "\ud800 "}"#, "a", "hex escape"),
            (r#"{"a": 1} 2"#, "", "trailing characters"),
        ] {
            let found = problem(text);
            assert_eq!(found.0, path, "{text}: {}", found.1);
            assert!(found.1.contains(part), "{text}: {}", found.1);
        }
        assert!(parse_object(b"[1]", 10).unwrap_err().message.contains("expected a JSON object, found a list"));
        assert!(problem(&"[".repeat(200)).1.contains("recursion limit"));
    }

    #[test]
    fn parsing_stops_at_the_maximum_size() {
        for large in [format!("{{\"a\": [{}1]}}", "1,".repeat(1_000)), format!("{{\"a\": \"{}\"}}", "x".repeat(2_000))]
        {
            // The text after the limit is not valid JSON, so reading on would be another error.
            let error = parse_object(format!("{large} nonsense").as_bytes(), 1_000).unwrap_err();
            assert!(error.is_too_large, "{error}");
        }
    }

    #[test]
    fn integers_of_64_bits_and_doubles_are_exact() {
        let text = r#"[9223372036854775807, 18446744073709551615, -9223372036854775808, 1e30, 1.0, -0, 0.1, "18446744073709551616"]"#;
        let expected = json!([i64::MAX, u64::MAX, i64::MIN, 1e30, 1.0, -0.0, 0.1, "18446744073709551616"]);
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    proptest! {
        /// Values that serde_json writes round-trip exactly.
        #[test]
        fn values_round_trip(doubles: Vec<f64>, wholes: Vec<i64>, naturals: Vec<u64>, texts: Vec<String>) {
            let doubles: Vec<_> = doubles.into_iter().filter(|double| double.is_finite()).collect();
            let value = json!({ "doubles": doubles, "wholes": wholes, "naturals": naturals, "texts": texts });
            prop_assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
        }

        /// Integers that fit 64 bits are exact, others are refused; none is rounded.
        #[test]
        fn integers_are_exact_or_refused(number: i128, digits in 1_u32..39) {
            let number = number % 10_i128.pow(digits);
            let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
            match parse(format!("[{number}]").as_bytes()) {
                Ok(value) => {
                    prop_assert!(fits);
                    prop_assert_eq!(value.to_string(), format!("[{number}]"));
                }
                Err(_) => prop_assert!(!fits),
            }
        }

        /// An object whose compact JSON has exactly the maximum size is accepted.
        #[test]
        fn an_object_of_the_maximum_size_is_accepted(names: Vec<String>, numbers: Vec<f32>, texts: Vec<String>) {
            let names: Map<String, Value> = names.into_iter().map(|name| (name, json!(["", 1, {}]))).collect();
            let value = json!({ "names": names, "numbers": numbers, "texts": texts });
            let text = value.to_string();
            prop_assert_eq!(parse_object(text.as_bytes(), text.len()).map(Value::Object), Ok(value));
        }

        #[test]
        fn accepts_any_bytes(text: Vec<u8>) {
            let _ = parse(&text);
            find_oversized_integer(&text);
        }
    }
}
