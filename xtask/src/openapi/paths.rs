//! Methods of the contract as paths.

use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};

use super::method::{Item, Kind, Method};
use super::schema::{Schemas, reference};
use crate::contract::STATUS;

/// Media type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// Example request of each method by its name; lines for a stream. A test of the gateway reads them all.
const EXAMPLES: &str = include_str!("examples.json");

/// HTTP statuses of errors.
const ERRORS: [(&str, &str); 11] = [
    ("400", "The request is invalid: the details name the field. Or the collection can't be used as requested."),
    ("401", "The call carries no token or an invalid one."),
    ("404", "The collection, document or model doesn't exist."),
    ("409", "The collection or alias to create exists."),
    ("413", "The body, or a message, is too large."),
    ("415", "The media type of the body is wrong, or the body is compressed."),
    ("429", "The server is at capacity. `retry-after` has the delay."),
    ("500", "A bug of the server, or a store that is misconfigured or broken."),
    ("501", "The server doesn't implement a field or a feature of the request. The details name the field."),
    ("503", "The server is starting or stopping, or the store is unavailable. `retry-after` has the delay."),
    ("504", "The time of `grpc-timeout` has passed."),
];

/// Returns the example requests.
///
/// # Errors
/// If they are not JSON.
pub fn examples() -> serde_json::Result<Value> {
    serde_json::from_str(EXAMPLES)
}

/// Returns the path item of a method.
pub fn item(method: &Method, schemas: &Schemas<'_>, examples: &Value) -> Value {
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
        "responses": responses(method, schemas, &output)
    });
    match &method.kind {
        Kind::Unary => {
            let content = json!({ "schema": reference(descriptor.input().full_name()), "example": example });
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": content } });
            json!({ "post": operation })
        }
        Kind::Stream { options, item } => {
            operation["parameters"] = parameters(options, schemas);
            operation["requestBody"] = json!({ "content": { NDJSON: lines(item, example) } });
            let put =
                json!({ "operationId": format!("{name}_file"), "summary": format!("{summary}, as `curl -T` does") });
            let mut by_put = operation.clone();
            by_put
                .as_object_mut()
                .into_iter()
                .for_each(|operation| operation.extend(put.as_object().cloned().unwrap_or_default()));
            json!({ "post": operation, "put": by_put })
        }
    }
}

/// Returns the body of lines, which a schema of OpenAPI 3.1 can only call a string.
fn lines(item: &Item, example: Option<&Value>) -> Value {
    let (of, what) = match item {
        Item::Operation { operation, document } => {
            let of = json!({ "anyOf": [reference(document.full_name()), reference(operation.full_name())] });
            let (document, operation) = (document.name(), operation.name());
            let what = format!(
                "One {document} or {operation} per line: an object with one of the fields of {operation} is one, any \
                 other object is a {document}, which stands for its upsert."
            );
            (of, what)
        }
        Item::Text => (json!({ "type": "string" }), "One JSON string per line.".to_owned()),
    };
    json!({ "schema": { "type": "string", "description": what, "x-line-schema": of }, "example": example })
}

fn parameters(options: &MessageDescriptor, schemas: &Schemas<'_>) -> Value {
    let options = schemas.fields(options).map(|field| {
        let mut schema = schemas.property(&field);
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = json!({
            "name": field.name(),
            "in": "query",
            "required": schemas.requires(&field),
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

fn responses(method: &Method, schemas: &Schemas<'_>, output: &MessageDescriptor) -> Value {
    let about = schemas.contract.comment(&output.parent_file(), output.path());
    let answer = reference(output.full_name());
    let ok = match &method.kind {
        Kind::Unary => json!({ "description": about, "content": { "application/json": { "schema": answer } } }),
        Kind::Stream { .. } => {
            let failed =
                json!({ "type": "object", "required": ["error"], "properties": { "error": reference(STATUS) } });
            let line = json!({ "oneOf": [answer, failed] });
            let about = format!(
                "{about} One {} per line, as results come. If the last line is an `error`, the stream has failed there.",
                output.name()
            );
            json!({ "description": about, "content": { NDJSON: { "schema": { "type": "string", "x-line-schema": line } } } })
        }
    };
    let refusal = |(code, about): (&str, &str)| {
        let mut refusal =
            json!({ "description": about, "content": { "application/json": { "schema": reference(STATUS) } } });
        if matches!(code, "429" | "503") {
            let header = json!({ "description": "Delay in seconds.", "schema": { "type": "integer", "minimum": 0 } });
            refusal["headers"] = json!({ "Retry-After": header });
        }
        (code.to_owned(), refusal)
    };
    Value::Object([("200".to_owned(), ok)].into_iter().chain(ERRORS.map(refusal)).collect())
}
