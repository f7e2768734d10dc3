//! Decoder from JSON to the protobuf wire format, in one pass.
//!
//! Accepts the JSON mapping of proto3: both spellings of field names, numbers as strings, enums by name or number. Document ids
//! are numbers and strings ([`super::id`]).
//!
//! The decoder builds no tree of values: for a payload of many small values, a tree would need hundreds of times the memory of
//! the input before its bounds are checked. The output is at most a few times as large as the input.
//!
//! See docs/adr/0008-json-decoder.md.

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

/// Decodes a message and appends it to `wire`.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field, line and column if `json` is not JSON, or not a valid message of this type.
pub fn decode_message(descriptor: &MessageDescriptor, json: &[u8], wire: &mut Vec<u8>) -> Result<(), ApiError> {
    deserialize(MessageSeed { descriptor, wire }, json)
        .map_err(|error| malformed_json_error(descriptor.name(), json, &error))
}

/// Decodes a line of `ingest`, which is an operation or a document, and appends the operation to `wire`.
///
/// # Errors
/// `INVALID_ARGUMENT` with the field, line and column if `json` is neither. The field of an upsert is a path in the document.
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

/// Decodes a string.
///
/// # Errors
/// `INVALID_ARGUMENT` if `json` is not a string.
pub fn decode_string(json: &[u8]) -> Result<String, ApiError> {
    serde_json::from_slice(json).map_err(|error| malformed_json_error("JSON string", json, &error))
}

fn malformed_json_error(expected: &str, json: &[u8], error: &serde_json::Error) -> ApiError {
    let message = format!("{error}; send a {expected} as described in /openapi.json");
    ApiError::new(ErrorReason::InvalidArgument, path_at(json, error.line(), error.column()), message)
}

fn deserialize<'de>(seed: impl DeserializeSeed<'de, Value = ()>, json: &'de [u8]) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    seed.deserialize(&mut deserializer)?;
    // Refuses trailing characters, such as a second object.
    deserializer.end()
}
