//! Payloads over HTTP are JSON itself. The contract has them as a Struct, whose numbers are doubles, or as the text of a
//! JSON object in a field beside it (`payload` and `payload_json`); here that text stands where the Struct would, so
//! integers of 64 bits are exact and nothing is converted.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::proto::PayloadFormat;

const STRUCT: &str = "google.protobuf.Struct";
/// The field of a request that says in which form payloads are returned.
const FORMAT: &str = "payload_format";
/// The field of an answer that names what the Struct doesn't hold exactly.
const INEXACT: &str = "inexact_fields";

/// The field that has a Struct's JSON.
pub fn json_field(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let is_struct = field.kind().as_message().is_some_and(|message| message.full_name() == STRUCT);
    let message = is_struct.then(|| field.parent_message())?;
    message.get_field_by_name(&format!("{}_json", field.name()))
}

/// Whether a field is not there over HTTP, since payloads have but one form.
pub fn is_hidden(field: &FieldDescriptor) -> bool {
    let message = field.parent_message();
    match field.name() {
        FORMAT | INEXACT => true,
        name => name
            .strip_suffix("_json")
            .and_then(|name| message.get_field_by_name(name))
            .is_some_and(|twin| json_field(&twin).as_ref() == Some(field)),
    }
}

/// Appends to a request that its answer is to have payloads as JSON, where it can be asked.
pub fn ask_for_json(descriptor: &MessageDescriptor, wire: &mut Vec<u8>) {
    if let Some(field) = descriptor.get_field_by_name(FORMAT) {
        encode_key(field.number(), WireType::Varint, wire);
        encode_varint(i64::from(i32::from(PayloadFormat::Json)).cast_unsigned(), wire);
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{PACKAGE, pool};
    use super::*;

    /// Law: whatever message has a payload has it in both forms, and an answer that has one can be asked for JSON.
    #[test]
    fn every_payload_has_its_json() {
        let mut hidden = Vec::new();
        for message in pool().all_messages().filter(|message| message.full_name().starts_with(PACKAGE)) {
            for field in message.fields() {
                let is_struct = field.kind().as_message().is_some_and(|message| message.full_name() == STRUCT);
                assert_eq!(is_struct, json_field(&field).is_some(), "{}", field.full_name());
                if is_hidden(&field) {
                    hidden.push(field.full_name().trim_start_matches(PACKAGE).to_owned());
                }
            }
        }
        hidden.sort_unstable();
        let expected = [
            ".Document.payload_json",
            ".Hit.inexact_fields",
            ".Hit.payload_json",
            ".ListDocumentsRequest.payload_format",
            ".SearchRequest.payload_format",
            ".StoredDocument.inexact_fields",
            ".StoredDocument.payload_json",
        ];
        assert_eq!(hidden, expected);
    }
}
