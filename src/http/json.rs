//! Messages of the contract as JSON: proto3's canonical mapping.
//!
//! Reading takes all that the mapping allows: both spellings of a field's name, numbers as strings, enums by name or
//! number. Writing gives field names as they are in the contract, fields that have their default too, and 64-bit integers
//! as numbers: an id comes back as it is sent, and as Qdrant writes it.

use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tonic::Status;

use super::json_path::path_at;
use crate::grpc::status::status;
use crate::types::{Fault, Reason};

const WRITING: SerializeOptions =
    SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false).skip_default_fields(false);

/// How many bytes may be turned over where other calls wait for the same thread: a millisecond's work or so.
const QUICK: usize = 64 << 10;

/// Reads a message.
///
/// # Errors
/// If it is no JSON, or not of that message: the field, and the line and column.
pub fn read(descriptor: MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, Fault> {
    let name = descriptor.name().to_owned();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = DynamicMessage::deserialize(descriptor, &mut reader);
    read.and_then(|message| reader.end().map(|()| message)).map_err(|error| malformed(&name, json, &error))
}

/// Reads a string.
///
/// # Errors
/// If it is none.
pub fn read_string(json: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(json).map_err(|error| malformed("JSON string", json, &error))
}

fn malformed(what: &str, json: &[u8], error: &serde_json::Error) -> Fault {
    let message = format!("{error}; send a {what} as /openapi.json describes it");
    Fault::new(Reason::InvalidArgument, path_at(json, error.line(), error.column()), message)
}

/// Writes a message.
///
/// # Errors
/// If it holds what JSON can't say, which no message of the contract does.
pub fn write(message: &DynamicMessage) -> Result<Vec<u8>, Status> {
    let mut json = Vec::new();
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut json), &WRITING).map_err(unwritable)?;
    Ok(json)
}

/// The same, as a value.
///
/// # Errors
/// As of [`write`].
pub fn value(message: &DynamicMessage) -> Result<Value, Status> {
    message.serialize_with_options(serde_json::value::Serializer, &WRITING).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Status {
    internal(format!("the answer can't be written as JSON: {error}"))
}

/// A defect of the door.
pub fn internal(message: impl Into<String>) -> Status {
    status(Fault::new(Reason::Internal, "", message))
}

/// Does work on so many bytes: at once, or where it holds up no other call.
///
/// # Errors
/// If the process ends meanwhile.
pub async fn turn_over<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    if bytes <= QUICK {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|error| internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::contract::pool;
    use super::*;

    fn search(json: &str) -> Result<DynamicMessage, Fault> {
        read(pool().get_message_by_name("splade.v1.SearchRequest").unwrap(), json.as_bytes())
    }

    #[test]
    fn both_spellings_are_read_and_one_is_written() {
        let one = search(r#"{"collection": "docs", "text": "moon", "score_threshold": 0.5, "offset": "7"}"#).unwrap();
        let other = search(r#"{"collection": "docs", "text": "moon", "scoreThreshold": 0.5, "offset": 7}"#).unwrap();
        assert_eq!(one.encode_to_vec(), other.encode_to_vec());
        let written = value(&one).unwrap();
        assert_eq!((&written["score_threshold"], &written["offset"]), (&0.5.into(), &7.into()));
        // What has no default is left out where it is not set.
        assert_eq!((written.get("limit"), written.get("filter")), (Some(&0.into()), None));
    }

    #[test]
    fn ids_are_numbers() {
        let descriptor = pool().get_message_by_name("splade.v1.DocumentId").unwrap();
        let id = read(descriptor, br#"{"num": 18446744073709551615}"#).unwrap();
        assert_eq!(write(&id).unwrap(), br#"{"num":18446744073709551615}"#);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, field, problem) in [
            (r#"{"collection": "docs", "limt": 3}"#, "limt", "unrecognized field name 'limt' at line 1 column 29"),
            ("{\"collection\": \"docs\",\n \"limit\": -3}", "limit", "at line 2 column 12"),
            (
                r#"{"filter": {"must": [{"has_id": {}}, {"field": 3}]}}"#,
                "filter.must[1].field",
                "invalid type: integer",
            ),
            (r#"{"text": "a", "vector": {}}"#, "", "multiple fields provided for oneof 'query'"),
            (r#"{"collection": "docs""#, "collection", "EOF while parsing"),
            (r#"{} {}"#, "", "trailing characters"),
            ("[]", "", "invalid type: sequence"),
            ("", "", "EOF while parsing"),
        ] {
            let fault = search(json).unwrap_err();
            assert_eq!((fault.reason, fault.field.as_str()), (Reason::InvalidArgument, field), "{json}: {fault}");
            assert!(fault.message.contains(problem) && fault.message.contains("SearchRequest"), "{json}: {fault}");
        }
    }
}
