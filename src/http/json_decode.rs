//! JSON to the wire format, in one pass.
//!
//! Requests may have all that proto3's mapping allows: both spellings of a field's name, numbers as strings, enums by name
//! or number. Ids are numbers and strings ([`super::id`]).
//!
//! There is no tree of values in between: that of a payload of small values would take hundreds of times its size in
//! memory before its bounds are checked. The output is a few times as large as the input. Why it is written by hand:
//! `docs/adr/0008-json-decoder.md`.

mod message;
mod operation;
mod scalar;
mod timestamp;

use prost_reflect::MessageDescriptor;
use serde::de::DeserializeSeed;

use crate::json::path_at;
use crate::types::{ApiError, ErrorReason};
use message::MessageSeed;
pub use operation::OperationDescriptors;
use operation::OperationSeed;

/// Reads a message and appends it to `wire`.
///
/// # Errors
/// If `json` is not JSON, or not that message: the field, the line and the column.
pub fn decode_message(descriptor: &MessageDescriptor, json: &[u8], wire: &mut Vec<u8>) -> Result<(), ApiError> {
    deserialize(MessageSeed { descriptor, wire }, json)
        .map_err(|error| malformed_json_error(descriptor.name(), json, &error))
}

/// Reads a line of a stream of operations, an operation or a document, and appends the operation to `wire`.
///
/// # Errors
/// If `json` is neither: the field, which is a path inside the document if there is one, the line and the column.
pub fn decode_operation(operation: &OperationDescriptors, json: &[u8], wire: &mut Vec<u8>) -> Result<(), ApiError> {
    deserialize(OperationSeed { operation, wire }, json).map_err(|error| {
        let (document, operation_name) = (operation.document.name(), operation.operation.name());
        let api_error = malformed_json_error(&format!("{document} or {operation_name}"), json, &error);
        let document_field =
            api_error.field.strip_prefix(operation.upsert_field_name()).and_then(|field| field.strip_prefix('.'));
        match document_field.map(str::to_owned) {
            Some(field) => ApiError { field, ..api_error },
            None => api_error,
        }
    })
}

/// Reads a string.
///
/// # Errors
/// If `json` is not a string.
pub fn decode_string(json: &[u8]) -> Result<String, ApiError> {
    serde_json::from_slice(json).map_err(|error| malformed_json_error("JSON string", json, &error))
}

fn malformed_json_error(expected: &str, json: &[u8], error: &serde_json::Error) -> ApiError {
    let message = format!("{error}; send a {expected} as /openapi.json describes it");
    ApiError::new(ErrorReason::InvalidArgument, path_at(json, error.line(), error.column()), message)
}

fn deserialize<'de>(seed: impl DeserializeSeed<'de, Value = ()>, json: &'de [u8]) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    seed.deserialize(&mut deserializer)?;
    deserializer.end()
}
