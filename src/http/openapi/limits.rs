//! What the server takes, beyond what the contract's types say: the bounds that it enforces, as JSON Schema has them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::grpc::RequestLimits;
use crate::grpc::bounds;

/// Plain, hyphenated, in braces, or as a URN.
const UUID: &str = "^([0-9a-fA-F]{32}|(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\
                    |\\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\})$";

/// Constraints by `Message.field`, by `Message.field[]` for the elements of a list, and by `Message`.
#[derive(Debug)]
pub struct Rules(HashMap<&'static str, Value>);

impl Rules {
    pub fn new(limits: &RequestLimits) -> Self {
        let name = || {
            let most = bounds::MAX_COLLECTION_NAME - 1;
            json!({ "pattern": format!("^[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{most}}}$") })
        };
        let text = || json!({ "minLength": 1, "maxLength": limits.text_bytes, "pattern": r"\S" });
        let path = || json!({ "minLength": 1, "maxLength": bounds::MAX_KEY_BYTES });
        let up_to = |most: u32| json!({ "maximum": most });
        let one_to = |most: usize| json!({ "minItems": 1, "maxItems": most });
        let bounded = || json!({ "minProperties": 1 });
        let one_list = |field: &str| json!({ "required": [field], "properties": { field: { "minItems": 1 } } });
        Self(HashMap::from([
            ("IngestOptions.collection", name()),
            ("IngestOptions.text_key", json!({ "maxLength": bounds::MAX_NAME_BYTES })),
            ("IngestOptions.batch_points", up_to(bounds::MAX_BATCH_POINTS)),
            ("CollectionOptions.vector_name", json!({ "maxLength": bounds::MAX_NAME_BYTES })),
            ("CollectionOptions.shard_count", up_to(bounds::MAX_SHARDS)),
            ("CollectionOptions.replication_factor", up_to(bounds::MAX_REPLICAS)),
            ("CollectionOptions.write_consistency_factor", up_to(bounds::MAX_REPLICAS)),
            ("CollectionOptions.shard_keys", json!({ "maxItems": bounds::MAX_SHARD_KEYS, "uniqueItems": true })),
            ("CollectionOptions.shard_keys[]", json!({ "minLength": 1, "maxLength": bounds::MAX_NAME_BYTES })),
            ("DenseVectorOptions.size", json!({ "minimum": 1, "maximum": bounds::MAX_DIMENSIONS })),
            ("DenseVector.values", json!({ "maxItems": limits.dense_dimensions })),
            ("Document.text", text()),
            ("DocumentId.key", json!({ "minLength": 1, "maxLength": limits.id_bytes })),
            ("DocumentId.uuid", json!({ "pattern": UUID })),
            ("UpsertRequest.documents", one_to(limits.unary_documents)),
            ("EncodeRequest.texts", one_to(limits.unary_documents)),
            ("EncodeRequest.texts[]", text()),
            ("SearchRequest.collection", name()),
            ("SearchRequest.text", text()),
            ("SearchRequest.limit", up_to(bounds::MAX_LIMIT)),
            ("SearchRequest.offset", up_to(bounds::MAX_OFFSET)),
            ("SparseVector.indices", json!({ "uniqueItems": true })),
            ("ExplainRequest.collection", name()),
            ("ExplainRequest.query", text()),
            ("ExplainRequest.text", text()),
            ("ExplainRequest", stored_or_not(overlap_of_windows())),
            ("EncodeOptions", overlap_of_windows()),
            ("IngestOptions", overlap_of_windows()),
            ("SearchRequest", overlap_of_windows()),
            ("DeleteRequest.collection", name()),
            ("DeleteRequest.ids", one_to(bounds::MAX_DELETES)),
            ("GetCollectionRequest.collection", name()),
            ("ListDocumentsRequest.collection", name()),
            ("ListDocumentsRequest.page_size", up_to(bounds::MAX_PAGE)),
            ("SetAliasRequest.alias", name()),
            ("SetAliasRequest.collection", name()),
            ("DeleteAliasRequest.alias", name()),
            ("FieldCondition.key", path()),
            ("IsEmptyCondition.key", path()),
            ("HasIdCondition.ids", one_to(bounds::MAX_VALUES)),
            ("MatchValues.keywords", json!({ "maxItems": bounds::MAX_VALUES })),
            ("MatchValues.integers", json!({ "maxItems": bounds::MAX_VALUES })),
            ("MatchValues", json!({ "oneOf": [one_list("keywords"), one_list("integers")] })),
            ("NumberRange", bounded()),
            ("TimeRange", bounded()),
            ("Pruning.min_weight", json!({ "minimum": 0 })),
            ("Pruning.weight_share", json!({ "minimum": 0, "maximum": 1 })),
        ]))
    }

    /// Adds to a schema what is known of this.
    pub fn add(&self, name: &str, schema: &mut Map<String, Value>) {
        let rule = self.0.get(name).and_then(Value::as_object);
        schema.extend(rule.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    }

    /// Whether a field's default is refused.
    pub fn refuse_default(&self, name: &str) -> bool {
        let rule = self.0.get(name);
        let positive = |key: &str| rule.and_then(|rule| rule.get(key)?.as_u64()).is_some_and(|least| least > 0);
        // No collection has an empty name.
        ["minItems", "minLength", "minimum"].into_iter().any(positive)
    }
}

/// Only windows overlap.
fn overlap_of_windows() -> Value {
    let windows = json!({ "required": ["long_text"], "properties": { "long_text": { "const": "LONG_TEXT_WINDOW" } } });
    json!({ "dependentSchemas": { "window_overlap": windows } })
}

/// A stored document is in a collection.
fn stored_or_not(mut rule: Value) -> Value {
    rule["oneOf"] = json!([{ "required": ["id", "collection"] }, { "required": ["text"] }]);
    rule
}

#[cfg(test)]
mod tests {
    use super::super::super::contract::{PACKAGE, pool};
    use super::super::super::testing::settings;
    use super::*;

    #[test]
    fn rules_are_for_what_there_is() {
        for name in Rules::new(&settings().limits).0.into_keys() {
            let (message, field) = name.split_once('.').map_or((name, None), |(message, field)| (message, Some(field)));
            let message = pool().get_message_by_name(&format!("{PACKAGE}.{message}")).unwrap();
            let Some(field) = field else { continue };
            let descriptor = message.get_field_by_name(field.trim_end_matches("[]")).unwrap();
            assert!(!field.ends_with("[]") || descriptor.is_list(), "{name}");
        }
    }
}
