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
use crate::types::{Fault, Reason};
use message::MessageSeed;
pub use operation::Operation;
use operation::OperationSeed;

/// Reads a message and appends it to `wire`.
///
/// # Errors
/// If `json` is not JSON, or not that message: the field, the line and the column.
pub fn read(descriptor: &MessageDescriptor, json: &[u8], wire: &mut Vec<u8>) -> Result<(), Fault> {
    deserialize(MessageSeed { descriptor, wire }, json).map_err(|error| malformed(descriptor.name(), json, &error))
}

/// Reads a line of a stream of operations, an operation or a document, and appends the operation to `wire`.
///
/// # Errors
/// If `json` is neither: the field, which is a path inside the document if there is one, the line and the column.
pub fn read_operation(operation: &Operation, json: &[u8], wire: &mut Vec<u8>) -> Result<(), Fault> {
    deserialize(OperationSeed { operation, wire }, json).map_err(|error| {
        let (document, operation_name) = (operation.document.name(), operation.operation.name());
        let fault = malformed(&format!("{document} or {operation_name}"), json, &error);
        let inside = fault.field.strip_prefix(operation.upsert()).and_then(|field| field.strip_prefix('.'));
        match inside.map(str::to_owned) {
            Some(field) => Fault { field, ..fault },
            None => fault,
        }
    })
}

/// Reads a string.
///
/// # Errors
/// If `json` is not a string.
pub fn read_string(json: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(json).map_err(|error| malformed("JSON string", json, &error))
}

fn malformed(what: &str, json: &[u8], error: &serde_json::Error) -> Fault {
    let message = format!("{error}; send a {what} as /openapi.json describes it");
    Fault::new(Reason::InvalidArgument, path_at(json, error.line(), error.column()), message)
}

fn deserialize<'de>(seed: impl DeserializeSeed<'de, Value = ()>, json: &'de [u8]) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    seed.deserialize(&mut reader)?;
    reader.end()
}
