//! Detection of unknown fields in requests.
//!
//! Protobuf decoders skip unknown fields, so a server that is older than its client would silently ignore, for example, a
//! condition of a filter, a tenant or a version. Therefore the tags of requests are checked against the descriptors of the API
//! first, and a request with an unknown field is refused. The check reads only the tags and skips the values.
//!
//! See docs/adr/0004-the-v1-contract.md.

use std::sync::OnceLock;

use bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::FILE_DESCRIPTOR_SET;
use crate::version::VERSION;

/// Protobuf package of the API.
const PACKAGE: &str = "splade_sidecar.v1";
/// Maximum nesting of messages that prost decodes.
const MAX_DEPTH: usize = 100;
/// Fields whose elements are decoded and checked separately, so that an invalid element doesn't fail the whole call.
const CHECKED_PER_ITEM: [&str; 3] = [
    "splade_sidecar.v1.IngestRequest.operations",
    "splade_sidecar.v1.Operation.upsert",
    "splade_sidecar.v1.UpsertRequest.documents",
];

/// Field that this server doesn't know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {number} of {message} is unknown to this server ({VERSION}); upgrade the server, or omit the field")]
pub struct UnknownField {
    /// Name of the message that contains the field.
    pub message: String,
    pub number: u32,
}

/// Checks the bytes of a message for unknown fields. `message` is its name in the package. Malformed bytes pass the check,
/// because the decoder refuses them.
///
/// # Errors
/// [`UnknownField`] for the first field that the message doesn't declare.
pub fn check_known_fields(message: &str, wire: &[u8]) -> Result<(), UnknownField> {
    let descriptor = descriptor_pool().get_message_by_name(&format!("{PACKAGE}.{message}"));
    match descriptor.and_then(|descriptor| find_unknown(&descriptor, wire, 0)) {
        None => Ok(()),
        Some(unknown) => Err(unknown),
    }
}

/// Returns the descriptors of the API.
fn descriptor_pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    // The set is a build output, so it is valid.
    POOL.get_or_init(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default())
}

/// Returns the first unknown field of a message and its nested messages.
fn find_unknown(descriptor: &MessageDescriptor, mut wire: &[u8], depth: usize) -> Option<UnknownField> {
    // Bounds the recursion; the decoder refuses such a message.
    if depth > MAX_DEPTH {
        return None;
    }
    while !wire.is_empty() {
        let (number, wire_type) = decode_key(&mut wire).ok()?;
        let Some(field) = descriptor.get_field(number) else {
            return Some(UnknownField { message: descriptor.name().to_owned(), number });
        };
        let length = match wire_type {
            WireType::Varint => {
                decode_varint(&mut wire).ok()?;
                continue;
            }
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut wire).ok()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let value = wire.get(..length)?;
        if let (Kind::Message(inner), WireType::LengthDelimited) = (field.kind(), wire_type)
            && !CHECKED_PER_ITEM.contains(&field.full_name())
            && let Some(unknown) = find_unknown(&inner, value, depth + 1)
        {
            return Some(unknown);
        }
        wire.advance(length);
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{Condition, Filter, SearchRequest, condition::Test};

    /// Encoded field that the API doesn't declare: number 1000, a varint.
    const UNKNOWN: [u8; 3] = [0xc0, 0x3e, 1];

    fn with_unknown(message: &impl Message) -> Vec<u8> {
        [message.encode_to_vec(), UNKNOWN.to_vec()].concat()
    }

    /// Law: in every request message of the API, an unknown field is found, and only then.
    #[test]
    fn every_request_is_checked() {
        let requests: Vec<_> = descriptor_pool()
            .all_messages()
            .filter(|message| message.package_name() == PACKAGE && message.name().ends_with("Request"))
            .collect();
        assert!(requests.len() > 10, "{}", requests.len());
        for request in requests {
            assert_eq!(check_known_fields(request.name(), &[]), Ok(()));
            let unknown = check_known_fields(request.name(), &UNKNOWN).unwrap_err();
            assert_eq!((&*unknown.message, unknown.number), (request.name(), 1000));
        }
    }

    #[test]
    fn unknown_fields_are_found_inside_other_messages() {
        let filter = |conditions| Filter { must: conditions, ..Filter::default() };
        let known = Condition { path: "a".to_owned(), test: Some(Test::IsEmpty(true)) };
        let search = |filter| SearchRequest { filter: Some(filter), ..SearchRequest::default() };
        assert_eq!(check_known_fields("SearchRequest", &search(filter(vec![known.clone()])).encode_to_vec()), Ok(()));
        // SearchRequest.filter is field 3, Filter.must is field 1.
        let condition = with_unknown(&known);
        let filter = [vec![0x0a, condition.len() as u8], condition].concat();
        let request = [vec![0x1a, filter.len() as u8], filter].concat();
        let unknown = check_known_fields("SearchRequest", &request).unwrap_err();
        assert!(unknown.to_string().starts_with("field 1000 of Condition is unknown to this server"), "{unknown}");
    }

    #[test]
    fn unknown_fields_are_found_inside_payloads() {
        // Document.payload is field 3, Struct.fields is field 1, the value of an entry is field 2.
        let nested = |tag: u8, inner: Vec<u8>| [vec![tag, inner.len() as u8], inner].concat();
        let entry = [nested(0x0a, b"k".to_vec()), nested(0x12, UNKNOWN.to_vec())].concat();
        let unknown = check_known_fields("Document", &nested(0x1a, nested(0x0a, entry))).unwrap_err();
        assert_eq!((&*unknown.message, unknown.number), ("Value", 1000));
    }

    #[test]
    fn malformed_messages_are_left_to_the_decoder() {
        for wire in [&[0x0a][..], &[0x0a, 5, 1], &[0xff], &[0x0b]] {
            assert_eq!(check_known_fields("SearchRequest", wire), Ok(()));
        }
    }
}
