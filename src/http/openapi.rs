//! OpenAPI 3.1 document of the gateway, made of the contract's descriptors and comments and of the limits of this
//! server.

mod limits;
mod paths;
mod schema;

use serde_json::{Value, json};

use super::Settings;
use super::contract::Comments;
use super::method::Method;
use crate::version::VERSION;
use limits::Rules;
use schema::Schemas;

/// Path of the document.
pub const PATH: &str = "/openapi.json";

/// Returns the document of a server.
pub fn document(settings: &Settings) -> Value {
    let methods = Method::all();
    let schemas = Schemas::new(Comments::read(), Rules::new(&settings.limits), &methods);
    let paths: serde_json::Map<_, _> =
        methods.iter().map(|method| (method.path.clone(), paths::item(method, &schemas))).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "splade-sidecar",
            "version": VERSION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Texts in, learned sparse vectors out; documents in, searchable in Qdrant. The gRPC API of \
                            splade-sidecar as JSON, by proto3's canonical mapping, with short ids and with 64-bit \
                            integers as numbers up to ±(2^53 - 1) and strings of digits beyond. Requests may also \
                            spell fields in lowerCamelCase, write numbers as strings and enums as numbers, and have \
                            null for an absent field. Fields of the API that this server doesn't implement are not \
                            listed. Lengths of strings are limits in bytes of UTF-8, which this document can only \
                            state in characters."
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas.components() }
    });
    if settings.tokens.is_some() {
        document["security"] = json!([{ "bearer": [] }, { "api_key": [] }]);
        document["components"]["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer", "description": "A token of `--auth-tokens`." },
            "api_key": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same token." }
        });
    }
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::json_decode::{read, read_operation, read_string};
    use super::super::method::{Item, Kind};
    use super::super::testing::settings;
    use super::*;

    /// Every `$ref` below a value.
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
        let document = document(&settings());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let there: BTreeSet<_> = schemas.keys().map(|name| format!("#/components/schemas/{name}")).collect();
        assert_eq!(found, there);
    }

    #[test]
    fn everything_is_described() {
        let document = document(&settings());
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            // Those of google.rpc come without their comments.
            if name.starts_with("google.") {
                continue;
            }
            assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name}");
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name}.{field}");
            }
        }
    }

    #[test]
    fn examples_can_be_read() {
        let document = document(&settings());
        for method in Method::all() {
            let content = &document["paths"][&method.path]["post"]["requestBody"]["content"];
            let (input, lines) = (method.descriptor.input(), content["application/x-ndjson"]["example"].as_str());
            let read_line = |line: &str, item: &Item| match item {
                Item::Operation(operation) => read_operation(operation, line.as_bytes(), &mut Vec::new()),
                Item::Text => read_string(line.as_bytes()).map(drop),
            };
            match &method.kind {
                Kind::Unary => {
                    let example = content["application/json"]["example"].to_string();
                    read(&input, example.as_bytes(), &mut Vec::new()).unwrap();
                }
                Kind::Stream { item, .. } => lines.unwrap().lines().for_each(|line| read_line(line, item).unwrap()),
            }
        }
    }
}
