//! OpenAPI 3.1 document of the gateway: `docs/openapi.json`, which `cargo xtask openapi` generates from the protobuf descriptors,
//! with the limits of this server.

use serde_json::Value;

use super::settings::GatewaySettings;
use crate::grpc::RequestLimits;

/// Path of the document.
pub const PATH: &str = "/openapi.json";

/// Document of a server with default limits and authentication.
const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// Returns the document of a server.
pub fn build_document(settings: &GatewaySettings) -> Value {
    // The document is valid JSON; a test checks it.
    let mut document = serde_json::from_str(DOCUMENT).unwrap_or(Value::Null);
    for (pointer, limit) in collect_limits(&settings.limits) {
        if let Some(value) = document.pointer_mut(&format!("/components/schemas/{pointer}")) {
            *value = limit.into();
        }
    }
    // The file describes a server with authentication.
    if settings.tokens.is_none() {
        remove_key(&mut document, "", "security");
        remove_key(&mut document, "/components", "securitySchemes");
    }
    document
}

/// Returns the limits that flags set, with their JSON pointers relative to the schemas.
fn collect_limits(limits: &RequestLimits) -> [(&'static str, usize); 7] {
    [
        ("Document/properties/text/maxLength", limits.max_text_bytes),
        ("EncodeRequest/properties/texts/items/maxLength", limits.max_text_bytes),
        ("Query/properties/text/maxLength", limits.max_text_bytes),
        ("ExplainRequest/properties/document_text/maxLength", limits.max_text_bytes),
        ("EncodeRequest/properties/texts/maxItems", limits.max_unary_documents),
        ("UpsertRequest/properties/documents/maxItems", limits.max_unary_documents),
        ("DenseVector/properties/values/maxItems", limits.max_dense_dimensions),
    ]
}

fn remove_key(document: &mut Value, object: &str, key: &str) {
    if let Some(object) = document.pointer_mut(object).and_then(Value::as_object_mut) {
        object.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::contract::{PACKAGE, comment, descriptor_pool};
    use super::super::json_decode::{decode_message, decode_operation, decode_string};
    use super::super::method::{Method, MethodKind, StreamItem};
    use super::super::payload::is_hidden;
    use super::super::testing::settings;
    use super::*;
    use crate::grpc::auth::AuthTokens;
    use crate::version::VERSION;

    #[test]
    fn the_file_describes_a_server_with_tokens_and_default_limits() {
        let tokens = AuthTokens::parse("token-0123456789abcdef").unwrap();
        let (_sender, tokens) = tokio::sync::watch::channel(Arc::new(tokens));
        let settings = GatewaySettings { tokens: Some(tokens), ..settings() };
        let document = build_document(&settings);
        assert_eq!(format!("{document:#}\n"), DOCUMENT);
        assert_eq!(document["info"]["version"], VERSION, "run `cargo xtask openapi`");
    }

    #[test]
    fn without_tokens_no_security_is_declared() {
        let document = build_document(&settings());
        assert!(document.get("security").is_none() && document["components"].get("securitySchemes").is_none());
        assert!(document["components"]["schemas"].is_object());
    }

    #[test]
    fn the_document_has_the_limits_of_the_server() {
        let own =
            RequestLimits { max_text_bytes: 7, max_unary_documents: 8, max_dense_dimensions: 9, ..settings().limits };
        let document = build_document(&GatewaySettings { limits: own, ..settings() });
        for (place, limit) in collect_limits(&own) {
            assert_eq!(document.pointer(&format!("/components/schemas/{place}")), Some(&limit.into()), "{place}");
        }
        assert!(!document.to_string().contains(&settings().limits.max_text_bytes.to_string()));
    }

    #[test]
    fn paths_match_the_routes() {
        let document = build_document(&settings());
        let found: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let expected: Vec<_> = Method::all().into_iter().map(|method| method.path).collect();
        assert_eq!(found, expected);
    }

    /// Law: a schema has exactly the fields that the gateway reads or writes, except for fields that are not implemented.
    #[test]
    fn schemas_have_the_fields_of_the_gateway() {
        let document = build_document(&settings());
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let full_name = if name.starts_with("google.") { name.clone() } else { format!("{PACKAGE}.{name}") };
            let Some(message) = descriptor_pool().get_message_by_name(&full_name) else {
                assert!(descriptor_pool().get_enum_by_name(&full_name).is_some(), "{name}");
                continue;
            };
            // The schema of an id has several forms; the object is the last.
            let object = schema["anyOf"].as_array().and_then(|forms| forms.last()).unwrap_or(schema);
            let found: BTreeSet<_> = object["properties"].as_object().unwrap().keys().cloned().collect();
            let all: BTreeSet<_> =
                message.fields().filter(|field| !is_hidden(field)).map(|it| it.name().to_owned()).collect();
            let unknown: Vec<_> = found.difference(&all).filter(|name| *name != "@type").collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
            for left_out in all.difference(&found) {
                let field = message.get_field_by_name(left_out).unwrap();
                assert!(comment(&field).contains("Not implemented yet"), "{name}.{left_out}");
            }
        }
    }

    #[test]
    fn examples_are_valid_requests() {
        let document = build_document(&settings());
        for method in Method::all() {
            let content = &document["paths"][&method.path]["post"]["requestBody"]["content"];
            let (input, lines) = (method.descriptor.input(), content["application/x-ndjson"]["example"].as_str());
            let read_line = |line: &str, item: &StreamItem| match item {
                StreamItem::Operation(operation) => decode_operation(operation, line.as_bytes(), &mut Vec::new()),
                StreamItem::Text => decode_string(line.as_bytes()).map(drop),
            };
            match &method.kind {
                MethodKind::Unary => {
                    let example = content["application/json"]["example"].to_string();
                    decode_message(&input, example.as_bytes(), &mut Vec::new()).unwrap();
                }
                MethodKind::Stream { item, .. } => {
                    lines.unwrap().lines().for_each(|line| read_line(line, item).unwrap())
                }
            }
        }
    }
}
