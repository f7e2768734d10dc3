//! Values, parsed without loss.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::number::TWO_POW_63;
use super::path::path_at;
use super::token::{as_integer, token_length};

/// What is wrong with a JSON text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Such as `tags[3].name`; empty for the whole.
    pub path: String,
    pub message: String,
    /// Whether it is that the value has too many bytes.
    pub is_too_large: bool,
}

/// Parses one JSON value. Nested at most 127 levels deep, which is serde_json's bound.
///
/// # Errors
/// If it is not JSON, if an object has a key twice, if a whole number is beyond -2^63 … 2^64 - 1, or if a number is
/// beyond the range of doubles.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    parse_bounded(text, usize::MAX)
}

/// Gives up when what was read has more than `max_bytes` as JSON without blanks: a value of two bytes takes many times
/// that in memory.
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
    match has_large_double.get().then(|| find_oversized_integer(text)).flatten() {
        None => Ok(value),
        Some((number, end)) => {
            let message = format!("{number} does not fit 64 bits, so it can't be stored exactly; make it a string");
            Err(JsonError { path: path_at(text, 1, end), message, is_too_large: false })
        }
    }
}

/// Parses one JSON object, unless it is sure to have more than `max_bytes` as JSON without blanks. It takes memory for
/// what has fewer.
///
/// # Errors
/// As [`parse`], or if it is another value.
pub fn parse_object(text: &[u8], max_bytes: usize) -> Result<Map<String, Value>, JsonError> {
    match parse_bounded(text, max_bytes)? {
        Value::Object(fields) => Ok(fields),
        other => {
            let message = format!("it is {}, not a JSON object", describe_kind(&other));
            Err(JsonError { path: String::new(), message, is_too_large: false })
        }
    }
}

/// What a value is, in an error.
pub fn describe_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a value, and notes whether a double is so large that it may have been a whole number.
#[derive(Clone, Copy)]
struct StrictVisitor<'a> {
    has_large_double: &'a Cell<bool>,
    /// How many bytes there may still be; `None` once there were more.
    remaining_bytes: &'a Cell<Option<usize>>,
}

impl StrictVisitor<'_> {
    /// Makes room for at least so many bytes.
    fn consume<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.remaining_bytes.set(self.remaining_bytes.get().and_then(|room| room.checked_sub(bytes)));
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
            // A digit and a comma, or the brackets.
            self.consume(if values.is_empty() { 1 } else { 2 })?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format!("the key `{name}` is there twice; give each key once")));
            }
            // Quotes, colon and a digit.
            self.consume(name.len() + 4)?;
            let value = map.next_value_seed(self)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

/// The first number that is written as a whole number and that neither 64 signed nor 64 unsigned bits hold, and where
/// it ends. `text` is JSON. serde_json gives such a number as a double, rounded, as it gives `1e30`, which is one.
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
    fn what_would_be_changed_silently_is_refused_with_its_path() {
        for (text, path, part) in [
            (r#"{"a": 1, "b": {"c": 1, "c": 1}}"#, "b.c", "the key `c` is there twice"),
            (r#"{"": 1, "": 1}"#, "", "the key `` is there twice"),
            (r#"{"\u0061": 1, "a": 2}"#, "a", "the key `a` is there twice"),
            (
                r#"{"x\"1": [1, {"n": 18446744073709551616}]}"#,
                "x\\\"1[1].n",
                "18446744073709551616 does not fit 64 bits",
            ),
            (r#"[-9223372036854775809]"#, "[0]", "make it a string"),
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
        assert!(parse_object(b"[1]", 10).unwrap_err().message.contains("a list, not a JSON object"));
        assert!(problem(&"[".repeat(200)).1.contains("recursion limit"));
    }

    #[test]
    fn what_is_too_large_is_not_read_on() {
        for large in [format!("{{\"a\": [{}1]}}", "1,".repeat(1_000)), format!("{{\"a\": \"{}\"}}", "x".repeat(2_000))]
        {
            // What comes after is not JSON, and nobody sees it.
            let error = parse_object(format!("{large} nonsense").as_bytes(), 1_000).unwrap_err();
            assert!(error.is_too_large, "{error}");
        }
    }

    #[test]
    fn numbers_of_64_bits_and_doubles_are_taken_as_they_are() {
        let text = r#"[9223372036854775807, 18446744073709551615, -9223372036854775808, 1e30, 1.0, -0, 0.1, "18446744073709551616"]"#;
        let expected = json!([i64::MAX, u64::MAX, i64::MIN, 1e30, 1.0, -0.0, 0.1, "18446744073709551616"]);
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    proptest! {
        /// Law: what serde_json writes is read as it was, digit by digit.
        #[test]
        fn reads_what_is_written(doubles: Vec<f64>, wholes: Vec<i64>, naturals: Vec<u64>, texts: Vec<String>) {
            let doubles: Vec<_> = doubles.into_iter().filter(|double| double.is_finite()).collect();
            let value = json!({ "doubles": doubles, "wholes": wholes, "naturals": naturals, "texts": texts });
            prop_assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
        }

        /// Law: a whole number is taken exactly if 64 bits hold it, and refused otherwise; never rounded.
        #[test]
        fn whole_numbers_are_exact_or_refused(number: i128, digits in 1_u32..39) {
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

        /// Law: what has as many bytes as there may be is taken, and what is too large is found before it is in memory.
        #[test]
        fn an_object_is_bounded_by_its_bytes(names: Vec<String>, numbers: Vec<f32>, texts: Vec<String>) {
            let names: Map<String, Value> = names.into_iter().map(|name| (name, json!(["", 1, {}]))).collect();
            let value = json!({ "names": names, "numbers": numbers, "texts": texts });
            let text = value.to_string();
            prop_assert_eq!(parse_object(text.as_bytes(), text.len()).map(Value::Object), Ok(value));
        }

        #[test]
        fn takes_any_bytes(text: Vec<u8>) {
            let _ = parse(&text);
            find_oversized_integer(&text);
        }
    }
}
