//! Constraints between the fields of a message, and constraints on a field that apply to only one message, as JSON Schema. The
//! option of a single field can't express them.

use serde_json::{Map, Value, json};

/// Adds the constraints of a message (`Message`) or of a field (`Message.field`) to its schema.
pub fn add(name: &str, schema: &mut Map<String, Value>) {
    if let Some(Value::Object(relation)) = find_relation(name) {
        schema.extend(relation);
    }
}

/// Returns the constraints of a message or a field, as keywords to add to its schema.
fn find_relation(name: &str) -> Option<Value> {
    Some(match name {
        "UpsertRequest.options" => exclude_fields(["first_sequence", "result_filter"]),
        "EncodingOptions" => require_windows_for_overlap(),
        "HitGroup.value" => json!({ "type": ["string", "integer"] }),
        "ReturnOptions" => exclude_fields_without_payload(),
        "ExplainRequest" => require_stored_or_text(),
        "Condition" => require_path_for_tests(),
        "MatchValues" => json!({ "oneOf": [require_items("keywords"), require_items("integers")] }),
        "NumberRange" | "TimeRange" => json!({ "minProperties": 1 }),
        _ => return None,
    })
}

/// Requires a non-empty list in the field.
fn require_items(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "minItems": 1 } } })
}

/// Allows `window_overlap` only with LONG_TEXT_WINDOW.
fn require_windows_for_overlap() -> Value {
    let windows = json!({ "required": ["long_text"], "properties": { "long_text": { "const": "LONG_TEXT_WINDOW" } } });
    json!({ "dependentSchemas": { "window_overlap": windows } })
}

/// Excludes fields that the message declares but the call doesn't accept.
fn exclude_fields<const N: usize>(fields: [&str; N]) -> Value {
    json!({ "not": { "anyOf": fields.map(|field| json!({ "required": [field] })).to_vec() } })
}

/// Excludes `payload_fields` together with `without_payload`.
fn exclude_fields_without_payload() -> Value {
    let both = json!({ "without_payload": { "const": true }, "payload_fields": { "minItems": 1 } });
    json!({ "not": { "required": ["without_payload", "payload_fields"], "properties": both } })
}

/// Requires `collection` and excludes `document_encoding` with `document_id`; the alternative is `document_text`.
fn require_stored_or_text() -> Value {
    let stored = json!({ "required": ["document_id", "collection"], "properties": { "document_encoding": false } });
    json!({ "oneOf": [stored, { "required": ["document_text"] }] })
}

/// Requires `path` for tests of a payload field, and excludes it for other conditions.
fn require_path_for_tests() -> Value {
    let field_tests = ["match", "match_any", "match_none", "range", "time_range", "is_empty"];
    let with_path = |test| json!({ "required": ["path", test], "properties": { "path": { "minLength": 1 } } });
    let without_path = |test| json!({ "required": [test], "properties": { "path": { "maxLength": 0 } } });
    let choices = field_tests.map(with_path).into_iter().chain(["has_id", "filter"].map(without_path));
    json!({ "oneOf": choices.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::PACKAGE;
    use crate::contract::testing::contract;

    /// Property: the constraint covers every test of a condition, either with a path or without one.
    #[test]
    fn every_test_of_a_condition_is_known() {
        let condition = contract().pool.get_message_by_name(&format!("{PACKAGE}.Condition")).unwrap();
        let oneof = condition.oneofs().next().unwrap();
        let tests: Vec<_> = oneof.fields().map(|field| field.name().to_owned()).collect();
        let choices = require_path_for_tests()["oneOf"].as_array().unwrap().clone();
        let test = |choice: &Value| choice["required"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        assert_eq!(choices.iter().map(test).collect::<Vec<_>>(), tests);
    }
}
