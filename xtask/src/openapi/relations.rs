//! What holds among the fields of a message, or of a field in one of its places, as JSON Schema: what an option of a single
//! field can't express.

use serde_json::{Map, Value, json};

/// Adds what holds of a message, by `Message`, or of a field, by `Message.field`.
pub fn add(name: &str, schema: &mut Map<String, Value>) {
    if let Some(Value::Object(relation)) = relation(name) {
        schema.extend(relation);
    }
}

fn relation(name: &str) -> Option<Value> {
    Some(match name {
        "UpsertRequest.options" => without(["first_sequence", "result_filter"]),
        "EncodingOptions" => overlap_of_windows(),
        "HitGroup.value" => json!({ "type": ["string", "integer"] }),
        "ReturnOptions" => fields_or_no_payload(),
        "ExplainRequest" => stored_or_not(),
        "Condition" => path_of_tests(),
        "MatchValues" => json!({ "oneOf": [one_list("keywords"), one_list("integers")] }),
        "NumberRange" | "TimeRange" => json!({ "minProperties": 1 }),
        _ => return None,
    })
}

/// A list that is not empty.
fn one_list(field: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "minItems": 1 } } })
}

/// Only windows overlap.
fn overlap_of_windows() -> Value {
    let windows = json!({ "required": ["long_text"], "properties": { "long_text": { "const": "LONG_TEXT_WINDOW" } } });
    json!({ "dependentSchemas": { "window_overlap": windows } })
}

/// Fields that the contract has and a call does not.
fn without<const N: usize>(fields: [&str; N]) -> Value {
    json!({ "not": { "anyOf": fields.map(|field| json!({ "required": [field] })).to_vec() } })
}

/// Fields of a payload can't be chosen if no payload is returned.
fn fields_or_no_payload() -> Value {
    let both = json!({ "without_payload": { "const": true }, "payload_fields": { "minItems": 1 } });
    json!({ "not": { "required": ["without_payload", "payload_fields"], "properties": both } })
}

/// A stored document is in a collection, and is encoded already.
fn stored_or_not() -> Value {
    let stored = json!({ "required": ["document_id", "collection"], "properties": { "document_encoding": false } });
    json!({ "oneOf": [stored, { "required": ["document_text"] }] })
}

/// Tests of a payload field have its path, and other conditions have none.
fn path_of_tests() -> Value {
    let of_field = ["match", "match_any", "match_none", "range", "time_range", "is_empty"];
    let with_path = |test| json!({ "required": ["path", test], "properties": { "path": { "minLength": 1 } } });
    let without_path = |test| json!({ "required": [test], "properties": { "path": { "maxLength": 0 } } });
    let choices = of_field.map(with_path).into_iter().chain(["has_id", "filter"].map(without_path));
    json!({ "oneOf": choices.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::PACKAGE;
    use crate::contract::testing::contract;

    /// Law: each test of a condition is with a path or without.
    #[test]
    fn every_test_of_a_condition_is_known() {
        let condition = contract().pool.get_message_by_name(&format!("{PACKAGE}.Condition")).unwrap();
        let oneof = condition.oneofs().next().unwrap();
        let tests: Vec<_> = oneof.fields().map(|field| field.name().to_owned()).collect();
        let choices = path_of_tests()["oneOf"].as_array().unwrap().clone();
        let test = |choice: &Value| choice["required"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        assert_eq!(choices.iter().map(test).collect::<Vec<_>>(), tests);
    }
}
