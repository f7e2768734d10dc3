//! Builds the path items of the OpenAPI document.

use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};

use super::method::{Method, MethodKind, StreamItem};
use super::schema::{Schemas, build_reference};
use crate::contract::STATUS_MESSAGE;

/// Media type of newline-delimited JSON.
const NDJSON: &str = "application/x-ndjson";

/// Example requests by method name; NDJSON for streams. A test of the gateway parses all of them.
const EXAMPLES: &str = include_str!("examples.json");

/// HTTP status codes of errors, with their descriptions.
const ERROR_RESPONSES: [(&str, &str); 11] = [
    (
        "400",
        "The request is invalid (the error details name the field), or the collection's configuration doesn't allow it.",
    ),
    ("401", "The token is missing or invalid."),
    ("404", "The collection, document or model doesn't exist."),
    ("409", "The collection or alias to create already exists."),
    ("413", "The body or one of its messages is too large."),
    ("415", "The media type of the body is not supported, or the body is compressed."),
    ("429", "The server is at capacity. Retry after the delay in `retry-after`."),
    ("500", "A bug in the server, or a store that is misconfigured or broken."),
    ("501", "The server doesn't implement a field or a feature of the request. The error details name the field."),
    (
        "503",
        "The server is starting or shutting down, or the store is unavailable. Retry after the delay in `retry-after`.",
    ),
    ("504", "The deadline of `grpc-timeout` was exceeded."),
];

/// Parses the example requests.
///
/// # Errors
/// Returns an error if `examples.json` is not valid JSON.
pub fn parse_examples() -> serde_json::Result<Value> {
    serde_json::from_str(EXAMPLES)
}

/// Builds the path item of a method: POST, and for streams also PUT, which `curl -T` sends.
pub fn build_path_item(method: &Method, schemas: &Schemas<'_>, examples: &Value) -> Value {
    let (name, descriptor) = (&method.name, &method.descriptor);
    let service = descriptor.parent_service();
    let comment = schemas.contract.comment(&service.parent_file(), descriptor.path());
    let summary = comment.split_once(". ").map_or(comment, |(first, _)| first).trim_end_matches('.');
    let example = examples.get(name);
    let output = descriptor.output();
    let mut operation = json!({
        "operationId": name,
        "tags": [service.name()],
        "summary": summary,
        "description": comment,
        "responses": build_responses(method, schemas, &output)
    });
    match &method.kind {
        MethodKind::Unary => {
            let content = json!({ "schema": build_reference(descriptor.input().full_name()), "example": example });
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": content } });
            json!({ "post": operation })
        }
        MethodKind::Stream { options, item } => {
            operation["parameters"] = build_parameters(options, schemas);
            operation["requestBody"] = json!({ "content": { NDJSON: build_lines_body(item, example) } });
            let put_summary = format!("{summary}, from an uploaded file (`curl -T`)");
            let overrides = json!({ "operationId": format!("{name}_file"), "summary": put_summary });
            let mut put_operation = operation.clone();
            put_operation
                .as_object_mut()
                .into_iter()
                .for_each(|operation| operation.extend(overrides.as_object().cloned().unwrap_or_default()));
            json!({ "post": operation, "put": put_operation })
        }
    }
}

/// Builds the request body of a stream. OpenAPI 3.1 can describe NDJSON only as a string, so an extension has the schema of a
/// line.
fn build_lines_body(item: &StreamItem, example: Option<&Value>) -> Value {
    let (line_schema, description) = match item {
        StreamItem::Operation { operation, document } => {
            let line_schema =
                json!({ "anyOf": [build_reference(document.full_name()), build_reference(operation.full_name())] });
            let (document, operation) = (document.name(), operation.name());
            let description = format!(
                "One {document} or {operation} per line. An object with one of the fields of {operation} is an {operation}; \
                 any other object is a {document}, which is upserted."
            );
            (line_schema, description)
        }
        StreamItem::Text => (json!({ "type": "string" }), "One JSON string per line.".to_owned()),
    };
    json!({ "schema": { "type": "string", "description": description, "x-line-schema": line_schema }, "example": example })
}

/// Builds the query parameters of a stream from its options.
fn build_parameters(options: &MessageDescriptor, schemas: &Schemas<'_>) -> Value {
    let options = schemas.fields(options).map(|field| {
        let mut schema = schemas.build_property(&field);
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = json!({
            "name": field.name(),
            "in": "query",
            "required": schemas.is_required(&field),
            "description": description,
        });
        match field.kind().as_message() {
            Some(_) => parameter["content"] = json!({ "application/json": { "schema": schema } }),
            None => parameter["schema"] = schema,
        }
        parameter
    });
    Value::Array(options.collect())
}

/// Builds the responses of a method by status code.
fn build_responses(method: &Method, schemas: &Schemas<'_>, output: &MessageDescriptor) -> Value {
    let description = schemas.contract.comment(&output.parent_file(), output.path());
    let response_schema = build_reference(output.full_name());
    let ok_response = match &method.kind {
        MethodKind::Unary => {
            json!({ "description": description, "content": { "application/json": { "schema": response_schema } } })
        }
        MethodKind::Stream { .. } => {
            let error = build_reference(STATUS_MESSAGE);
            let error_line = json!({ "type": "object", "required": ["error"], "properties": { "error": error } });
            let line = json!({ "oneOf": [response_schema, error_line] });
            let description = format!(
                "{description} One {} per line, as results become available. A last line with `error` means that the \
                 stream failed.",
                output.name()
            );
            let schema = json!({ "type": "string", "x-line-schema": line });
            json!({ "description": description, "content": { NDJSON: { "schema": schema } } })
        }
    };
    let error_response = |(code, description): (&str, &str)| {
        let schema = build_reference(STATUS_MESSAGE);
        let mut response =
            json!({ "description": description, "content": { "application/json": { "schema": schema } } });
        if matches!(code, "429" | "503") {
            let schema = json!({ "type": "integer", "minimum": 0 });
            let header = json!({ "description": "Delay before a retry, in seconds.", "schema": schema });
            response["headers"] = json!({ "Retry-After": header });
        }
        (code.to_owned(), response)
    };
    Value::Object([("200".to_owned(), ok_response)].into_iter().chain(ERROR_RESPONSES.map(error_response)).collect())
}
