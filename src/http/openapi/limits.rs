//! Limits that the server enforces beyond the types of the contract, as JSON Schema.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::grpc::bounds;
use crate::grpc::{LONGEST_ID, RequestLimits};

/// Plain, hyphenated, in braces, or as a URN.
const UUID: &str = "^([0-9a-fA-F]{32}|(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\
                    |\\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\})$";

/// Constraints by `Message.field`, by `Message.field[]` for the elements of a list, and by `Message`.
#[derive(Debug)]
pub struct Rules(HashMap<&'static str, Value>);

impl Rules {
    pub fn new(limits: &RequestLimits) -> Self {
        let name = || {
            let rest = bounds::MAX_COLLECTION_NAME - 1;
            json!({ "pattern": format!("^[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{rest}}}$") })
        };
        let vector_names = || json!({ "pattern": format!("^[A-Za-z0-9_-]{{1,{}}}$", bounds::MAX_NAME_BYTES) });
        let text = || json!({ "minLength": 1, "maxLength": limits.text_bytes, "pattern": r"\S" });
        let up_to = |max: u32| json!({ "maximum": max });
        let one_to = |max: usize| json!({ "minItems": 1, "maxItems": max });
        let bounded = || json!({ "minProperties": 1 });
        let one_list = |field: &str| json!({ "required": [field], "properties": { field: { "minItems": 1 } } });
        Self(HashMap::from([
            ("IngestOptions.collection", name()),
            ("IngestOptions.text_field", json!({ "maxLength": bounds::MAX_NAME_BYTES })),
            ("IngestOptions.batch_points", up_to(bounds::MAX_BATCH_POINTS)),
            ("IngestOptions.first_sequence", json!({ "maximum": i64::MAX })),
            ("Operation.position", json!({ "maxLength": bounds::MAX_POSITION_BYTES })),
            ("CollectionOptions.sparse_vectors", json!({ "maxProperties": 1, "propertyNames": vector_names() })),
            ("CollectionOptions.dense_vectors", json!({ "propertyNames": vector_names() })),
            ("CollectionOptions.shard_count", up_to(bounds::MAX_SHARDS)),
            ("CollectionOptions.replication_factor", up_to(bounds::MAX_REPLICAS)),
            ("CollectionOptions.write_consistency_factor", up_to(bounds::MAX_REPLICAS)),
            ("CollectionOptions.shard_keys", json!({ "maxItems": bounds::MAX_SHARD_KEYS, "uniqueItems": true })),
            ("CollectionOptions.shard_keys[]", json!({ "minLength": 1, "maxLength": bounds::MAX_NAME_BYTES })),
            ("DenseVectorOptions.size", json!({ "minimum": 1, "maximum": bounds::MAX_DIMENSIONS })),
            ("DenseVector.values", json!({ "maxItems": limits.dense_dimensions })),
            ("Document.text", text()),
            // Documents of a server with a larger `--max-id-bytes` can be read.
            ("DocumentId.key", json!({ "minLength": 1, "maxLength": LONGEST_ID })),
            ("DocumentId.uuid", json!({ "pattern": UUID })),
            ("UpsertRequest.documents", one_to(limits.unary_documents)),
            ("UpsertRequest.options", without(["first_sequence", "result_filter"])),
            ("EncodeRequest.texts", one_to(limits.unary_documents)),
            ("EncodeRequest.texts[]", text()),
            ("EncodingOptions", overlap_of_windows()),
            ("Query.text", text()),
            ("SearchRequest.collection", name()),
            ("SearchRequest.limit", up_to(bounds::MAX_LIMIT)),
            ("SearchRequest.offset", up_to(bounds::MAX_OFFSET)),
            ("SparseVector.indices", json!({ "uniqueItems": true })),
            ("HitGroup.value", json!({ "type": ["string", "integer"] })),
            ("ReturnOptions", fields_or_no_payload()),
            ("ReturnOptions.payload_fields", json!({ "maxItems": bounds::MAX_PAYLOAD_FIELDS })),
            ("ExplainRequest.collection", name()),
            ("ExplainRequest.document_text", text()),
            ("ExplainRequest", stored_or_not()),
            ("DeleteRequest.collection", name()),
            ("DeleteRequest.ids", one_to(bounds::MAX_DELETES)),
            ("GetDocumentsRequest.collection", name()),
            ("GetDocumentsRequest.ids", one_to(bounds::MAX_IDS)),
            ("ListDocumentsRequest.collection", name()),
            ("ListDocumentsRequest.page_size", up_to(bounds::MAX_PAGE)),
            ("CreateCollectionRequest.name", name()),
            ("GetCollectionRequest.collection", name()),
            ("ListCollectionsRequest.page_size", up_to(bounds::MAX_PAGE)),
            ("ListAliasesRequest.page_size", up_to(bounds::MAX_PAGE)),
            ("ListModelsRequest.page_size", up_to(bounds::MAX_PAGE)),
            ("SetAliasRequest.alias", name()),
            ("SetAliasRequest.collection", name()),
            ("DeleteAliasRequest.alias", name()),
            ("Condition", path_of_tests()),
            ("Condition.path", json!({ "maxLength": bounds::MAX_PATH_BYTES })),
            ("DocumentIds.ids", one_to(bounds::MAX_VALUES)),
            ("MatchValues.keywords", json!({ "maxItems": bounds::MAX_VALUES })),
            ("MatchValues.integers", json!({ "maxItems": bounds::MAX_VALUES })),
            ("MatchValues", json!({ "oneOf": [one_list("keywords"), one_list("integers")] })),
            ("NumberRange", bounded()),
            ("TimeRange", bounded()),
            ("Pruning.min_weight", json!({ "minimum": 0 })),
            ("Pruning.weight_share", json!({ "minimum": 0, "maximum": 1 })),
        ]))
    }

    /// Adds the constraints of a name to a schema.
    pub fn add(&self, name: &str, schema: &mut Map<String, Value>) {
        let rule = self.0.get(name).and_then(Value::as_object);
        schema.extend(rule.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    }

    /// Returns whether the default of a field is refused.
    pub fn refuse_default(&self, name: &str) -> bool {
        let rule = self.0.get(name);
        let positive = |key: &str| rule.and_then(|rule| rule.get(key)?.as_u64()).is_some_and(|least| least > 0);
        ["minItems", "minLength", "minimum"].into_iter().any(positive)
    }
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
    use super::super::super::contract::{PACKAGE, message, pool};
    use super::super::super::testing::settings;
    use super::*;

    #[test]
    fn every_rule_has_its_field() {
        for name in Rules::new(&settings().limits).0.into_keys() {
            let (message, field) = name.split_once('.').map_or((name, None), |(message, field)| (message, Some(field)));
            let message = pool().get_message_by_name(&format!("{PACKAGE}.{message}")).unwrap();
            let Some(field) = field else { continue };
            let descriptor = message.get_field_by_name(field.trim_end_matches("[]")).unwrap();
            assert!(!field.ends_with("[]") || descriptor.is_list(), "{name}");
        }
    }

    /// Law: each test of a condition is with a path or without.
    #[test]
    fn every_test_of_a_condition_is_known() {
        let oneof = message("Condition").oneofs().next().unwrap();
        let tests: Vec<_> = oneof.fields().map(|field| field.name().to_owned()).collect();
        let choices = path_of_tests()["oneOf"].as_array().unwrap().clone();
        let test = |choice: &Value| choice["required"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        assert_eq!(choices.iter().map(test).collect::<Vec<_>>(), tests);
    }
}
