//! Protobuf wire types, and writing of length-delimited fields.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::Kind;

/// Returns the wire type of a field kind.
pub fn to_wire_type(kind: &Kind) -> WireType {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::SixtyFourBit,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::ThirtyTwoBit,
        Kind::String | Kind::Bytes | Kind::Message(_) => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}

/// Returns whether a list of this kind is packed: its elements share one field key.
pub fn is_packed(kind: &Kind) -> bool {
    to_wire_type(kind) != WireType::LengthDelimited
}

/// Appends a length-delimited field: key, length, and the content that `put_content` appends.
///
/// # Errors
/// The errors of `put_content`.
pub fn put_length_delimited<E>(
    number: u32,
    wire: &mut Vec<u8>,
    put_content: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    encode_key(number, WireType::LengthDelimited, wire);
    let content_start = wire.len();
    put_content(wire)?;
    // The length is a varint of unknown size, so it is inserted afterwards, which moves the content.
    let mut length = Vec::with_capacity(4);
    encode_varint((wire.len() - content_start) as u64, &mut length);
    wire.splice(content_start..content_start, length);
    Ok(())
}
