//! How values are written on the wire.

use prost::encoding::WireType;
use prost_reflect::Kind;

/// How a kind is.
pub fn wire_type(kind: &Kind) -> WireType {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::SixtyFourBit,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::ThirtyTwoBit,
        Kind::String | Kind::Bytes | Kind::Message(_) => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}

/// Whether elements of a list share one key.
pub fn is_packed(kind: &Kind) -> bool {
    wire_type(kind) != WireType::LengthDelimited
}
