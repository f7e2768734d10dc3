//! Options of a stream in the query string: each field of the options is a parameter.
//!
//! Example: `?collection=docs&create_collection=true&text_field=body`. The value of a message field is JSON, and the parameter of
//! a list field is repeated.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::json_decode::decode_message;
use crate::types::{ApiError, ErrorReason};

/// Name of the option with the sequence number of the first item.
const FIRST_SEQUENCE_FIELD: &str = "first_sequence";

/// Options of a stream.
#[derive(Debug)]
pub struct StreamParameters {
    /// Encoded options message.
    pub options: Bytes,
    /// Sequence number of the first item.
    pub first_sequence: u64,
}

impl StreamParameters {
    /// Parses a query string.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the name of a parameter that doesn't exist, occurs twice or has the wrong type.
    pub fn parse(query: &str, options: &MessageDescriptor) -> Result<Self, ApiError> {
        check_encoding(query)?;
        let mut values = BTreeMap::new();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let field = options.get_field_by_name(&name).or_else(|| options.get_field_by_json_name(&name));
            let field = field.ok_or_else(|| {
                invalid_argument(&name, "unknown parameter; see /openapi.json for the parameters of the call")
            })?;
            let value = parse_value(&field, &name, text.into_owned())?;
            if field.is_list() {
                let list = values.entry(field.name().to_owned()).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value);
                }
            } else if values.insert(field.name().to_owned(), value).is_some() {
                return Err(invalid_argument(&name, "the parameter occurs twice; send it once"));
            }
        }
        let mut wire = Vec::new();
        decode_message(options, json!(values).to_string().as_bytes(), &mut wire)?;
        let first_sequence = find_first_sequence(options, &wire).max(1);
        Ok(Self { options: wire.into(), first_sequence })
    }
}

/// Returns the sequence number of the first item; 0 if it is not set.
fn find_first_sequence(options: &MessageDescriptor, wire: &[u8]) -> u64 {
    let options = DynamicMessage::decode(options.clone(), wire).ok();
    options.and_then(|options| options.get_field_by_name(FIRST_SEQUENCE_FIELD)?.as_u64()).unwrap_or(0)
}

/// Converts the value of a parameter to JSON.
fn parse_value(field: &FieldDescriptor, name: &str, text: String) -> Result<Value, ApiError> {
    match field.kind() {
        Kind::Message(_) => serde_json::from_str(&text).map_err(|error| {
            invalid_argument(name, format!("the value is not JSON: {error}; send a URL-encoded object such as {{}}"))
        }),
        Kind::Bool => parse_boolean(name, &text),
        // Enums may be sent by number or by name.
        Kind::Enum(_) => Ok(text.parse::<i32>().map_or(Value::String(text), Value::from)),
        // The JSON mapping accepts numbers as strings.
        _ => Ok(Value::String(text)),
    }
}

fn parse_boolean(name: &str, text: &str) -> Result<Value, ApiError> {
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(invalid_argument(name, format!("`{text}` is not a boolean; send true or false"))),
    }
}

/// Checks the percent-encoding of a query. `form_urlencoded` would silently keep a `%` without digits, and replace invalid UTF-8.
fn check_encoding(query: &str) -> Result<(), ApiError> {
    let is_escape = |remaining: &str| {
        let digits = remaining.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !query.split('%').skip(1).all(is_escape) {
        return Err(invalid_argument(
            "",
            "a % in the query is not followed by two hexadecimal digits; send %25 for a %",
        ));
    }
    let decoded = percent_decode_str(query).decode_utf8();
    let validated = decoded.map_err(|error| format!("the query is not UTF-8: {error}; send URL-encoded UTF-8"));
    validated.map(drop).map_err(|problem| invalid_argument("", problem))
}

fn invalid_argument(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::InvalidArgument, field, message)
}

#[cfg(test)]
mod tests {
    use super::super::contract::message;
    use super::super::json_encode::encode_message;
    use super::*;

    fn parse(query: &str) -> Result<StreamParameters, ApiError> {
        StreamParameters::parse(query, &message("IngestOptions"))
    }

    fn written(options: &Bytes) -> Value {
        serde_json::from_slice(&encode_message(&message("IngestOptions"), options).unwrap()).unwrap()
    }

    #[test]
    fn options_are_parameters_by_either_name() {
        let query = "collection=d%2Eocs&create_collection=true&textField=a+b&result_filter=RESULT_FILTER_PROBLEMS\
                     &encoding=%7B%22long_text%22:%22LONG_TEXT_WINDOW%22,%22pruning%22:%7B%22max_terms%22:%2064%7D%7D\
                     &required_features=a&first_sequence=9007199254740993&required_features=b&";
        let StreamParameters { options, first_sequence } = parse(query).unwrap();
        assert_eq!(first_sequence, 9_007_199_254_740_993);
        assert_eq!(
            written(&options),
            serde_json::json!({
                "collection": "d.ocs", "model": "", "create_collection": true,
                "encoding": {"long_text": "LONG_TEXT_WINDOW", "pruning": {"max_terms": 64}}, "text_field": "a b",
                "batch_points": 0, "skip_unchanged": false, "ignore_fingerprint": false, "expected_incarnation": "",
                "tenant": "", "required_features": ["a", "b"], "first_sequence": "9007199254740993",
                "result_filter": "RESULT_FILTER_PROBLEMS"
            })
        );
        assert_eq!(parse("").unwrap().first_sequence, 1);
        assert_eq!(parse("first_sequence=0").unwrap().first_sequence, 1);
        assert_eq!(written(&parse("result_filter=2").unwrap().options)["result_filter"], "RESULT_FILTER_PROBLEMS");
        let text_parameters = StreamParameters::parse("role=ROLE_QUERY", &message("EncodeStreamOptions")).unwrap();
        assert_eq!(text_parameters.first_sequence, 1);
    }

    #[test]
    fn errors_name_the_parameter() {
        for (query, field, problem) in [
            ("colection=docs", "colection", "unknown parameter"),
            ("only_rejected=true", "only_rejected", "unknown parameter"),
            ("model=a&model=b", "model", "occurs twice"),
            ("text_field=a&textField=b", "textField", "occurs twice"),
            ("skip_unchanged=yes", "skip_unchanged", "send true or false"),
            ("skip_unchanged", "skip_unchanged", "send true or false"),
            ("batch_points=many", "batch_points", "'many' is not an integer"),
            ("first_sequence=-1", "first_sequence", "-1 is out of range"),
            ("result_filter=SOME", "result_filter", "unrecognized enum value 'SOME'"),
            ("encoding=64", "encoding", "invalid type"),
            ("encoding=%7B", "encoding", "not JSON"),
            ("encoding=%7B%22pruning%22:%7B%22max%22:1%7D%7D", "encoding.pruning.max", "unrecognized field name 'max'"),
            ("model=%2", "", "not followed by two hexadecimal digits"),
            ("model=%ff", "", "not UTF-8"),
        ] {
            let error = parse(query).unwrap_err();
            assert_eq!(error.field, field, "{query}: {error}");
            assert!(error.message.contains(problem), "{query}: {error}");
        }
    }
}
