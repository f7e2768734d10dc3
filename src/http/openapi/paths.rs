//! Methods of the contract as paths.

use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};

use super::super::answer::NDJSON;
use super::super::error::STATUS;
use super::super::method::{Item, Kind, Method};
use super::super::parameters::ONLY_REJECTED;
use super::schema::{Schemas, reference};

/// A request of each method, by its name; lines, for a stream. A test reads them all.
const EXAMPLES: &str = include_str!("examples.json");

/// What a call may be refused with.
const ERRORS: [(&str, &str); 9] = [
    ("400", "The request is wrong: the details name the field. Or it does not go with the collection as it is."),
    ("401", "The call carries no token, or a wrong one."),
    ("404", "There is no such collection, document or model."),
    ("413", "The body, or a message, has more bytes than are taken."),
    ("415", "The body is of another media type, or compressed."),
    ("429", "There is no room for the call now. `retry-after` says when to try again."),
    ("500", "A defect of the server or of the store."),
    ("503", "The server is starting or stopping, or the store is away. `retry-after` says when to try again."),
    ("504", "The time of `grpc-timeout` has passed."),
];

/// The path of a method.
pub fn item(method: &Method, schemas: &Schemas) -> Value {
    let (name, descriptor) = (method.name(), &method.descriptor);
    let service = descriptor.parent_service();
    let comment = schemas.comments.of(&service.parent_file(), descriptor.path());
    let summary = comment.split_once(". ").map_or(comment, |(first, _)| first).trim_end_matches('.');
    let example = serde_json::from_str::<Value>(EXAMPLES).ok().and_then(|all| all.get(&name).cloned());
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
            operation["parameters"] = parameters(options, item, schemas);
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

/// Lines of items, which a schema of 3.1 can only call a string.
fn lines(item: &Item, example: Option<Value>) -> Value {
    let (of, what) = match item {
        Item::Message(message) => (reference(message.full_name()), format!("One {} a line.", message.name())),
        Item::Text => (json!({ "type": "string" }), "One string of JSON a line.".to_owned()),
    };
    json!({ "schema": { "type": "string", "description": what, "x-line-schema": of }, "example": example })
}

fn parameters(options: &MessageDescriptor, item: &Item, schemas: &Schemas) -> Value {
    let options = options.fields().map(|field| {
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
    let only_rejected = json!({
        "name": ONLY_REJECTED,
        "in": "query",
        "required": false,
        "description": format!(
            "Give only the results of {} that were refused, and in the last line how far the stream came. For clients \
             that read no answer before they have sent all. Default: false.",
            match item { Item::Message(_) => "documents", Item::Text => "texts" }
        ),
        "schema": { "type": "boolean" }
    });
    Value::Array(options.chain([only_rejected]).collect())
}

fn responses(method: &Method, schemas: &Schemas, output: &MessageDescriptor) -> Value {
    let about = schemas.comments.of(&output.parent_file(), output.path());
    let answer = reference(output.full_name());
    let ok = match &method.kind {
        Kind::Unary => json!({ "description": about, "content": { "application/json": { "schema": answer } } }),
        Kind::Stream { .. } => {
            let failed =
                json!({ "type": "object", "required": ["error"], "properties": { "error": reference(STATUS) } });
            let line = json!({ "oneOf": [answer, failed] });
            let about = format!(
                "{about} One {} a line, as results come. If the last line is an `error`, the stream has failed there.",
                output.name()
            );
            json!({ "description": about, "content": { NDJSON: { "schema": { "type": "string", "x-line-schema": line } } } })
        }
    };
    let refusal = |(code, about): (&str, &str)| {
        let mut refusal =
            json!({ "description": about, "content": { "application/json": { "schema": reference(STATUS) } } });
        if matches!(code, "429" | "503") {
            let header = json!({ "description": "Seconds.", "schema": { "type": "integer", "minimum": 0 } });
            refusal["headers"] = json!({ "Retry-After": header });
        }
        (code.to_owned(), refusal)
    };
    Value::Object([("200".to_owned(), ok)].into_iter().chain(ERRORS.map(refusal)).collect())
}
