//! Assembles the OpenAPI document.

use serde_json::{Value, json};

use super::method::Method;
use super::paths;
use super::schema::Schemas;
use crate::contract::Contract;

/// Builds the document for a version of the server.
///
/// # Errors
/// Returns an error if `examples.json` is not valid JSON.
pub fn build_document(contract: &Contract, version: &str) -> serde_json::Result<Value> {
    let methods = Method::from_pool(&contract.pool);
    let (schemas, examples) = (Schemas::new(contract, &methods), paths::parse_examples()?);
    let paths: serde_json::Map<_, _> = methods
        .iter()
        .map(|method| (method.path.clone(), paths::build_path_item(method, &schemas, &examples)))
        .collect();
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "splade-sidecar",
            "version": version,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Encodes texts to learned sparse vectors, and indexes and searches documents in Qdrant. The gRPC \
                            API of splade-sidecar as JSON, in the canonical mapping of proto3, extended by short ids. \
                            64-bit integers are numbers up to ±(2^53 - 1) and decimal strings beyond. Requests may \
                            also use lowerCamelCase field names, numbers as strings, enums as numbers, and null for \
                            an absent field. Fields that this server doesn't implement are omitted. The server limits \
                            the lengths of strings in bytes of UTF-8, whereas JSON Schema counts characters."
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas.build_components(), "securitySchemes": build_security_schemes() },
        "security": [{ "bearer": [] }, { "api_key": [] }]
    }))
}

fn build_security_schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "Token that is listed in `--auth-tokens`." },
        "api_key": {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "Token that is listed in `--auth-tokens`, as an alternative to the `authorization` header."
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::contract::testing::contract;

    /// Collects every `$ref` in a JSON value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").map(|name| name.as_str().unwrap().to_owned()));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_there_and_used() {
        let document = build_document(&contract(), "1.2.3").unwrap();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let there: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
        assert_eq!(found, there);
    }

    #[test]
    fn everything_is_described() {
        let document = build_document(&contract(), "1.2.3").unwrap();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            // The messages of google.rpc have no comments in this repository.
            if name.starts_with("google.") {
                continue;
            }
            assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name}");
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name}.{field}");
            }
        }
    }
}
