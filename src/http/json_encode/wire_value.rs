//! Decoding of field values from the protobuf wire format.

use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::Kind;

/// Error for bytes that are not a valid message. Services send valid messages, so it would be a bug.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error(transparent)]
    Wire(#[from] DecodeError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the message is truncated or malformed")]
    Malformed,
}

/// Result of appending to a buffer.
pub type EncodeResult = Result<(), EncodeError>;

/// Value of a field.
#[derive(Debug, Clone, Copy)]
pub enum WireValue<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> WireValue<'a> {
    /// Decodes a value and removes it from the beginning of `wire`.
    ///
    /// # Errors
    /// If `wire` is too short, or the value is a group.
    pub fn decode(kind: WireType, wire: &mut &'a [u8]) -> Result<Self, EncodeError> {
        let mut split_bytes = |length: usize| {
            let (head, remaining) = wire.split_at_checked(length).ok_or(EncodeError::Malformed)?;
            *wire = remaining;
            Ok::<_, EncodeError>(head)
        };
        let read_le = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        match kind {
            WireType::SixtyFourBit => split_bytes(8).map(|bytes| Self::Fixed(read_le(bytes))),
            WireType::ThirtyTwoBit => split_bytes(4).map(|bytes| Self::Fixed(read_le(bytes))),
            WireType::Varint => Ok(Self::Varint(decode_varint(wire)?)),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(wire)?).map_err(|_| EncodeError::Malformed)?;
                wire.split_off(..length).map(Self::Bytes).ok_or(EncodeError::Malformed)
            }
            WireType::StartGroup | WireType::EndGroup => Err(EncodeError::Malformed),
        }
    }

    /// Returns the bits of a number; 0 for bytes.
    pub fn number(self) -> u64 {
        match self {
            Self::Varint(number) | Self::Fixed(number) => number,
            Self::Bytes(_) => 0,
        }
    }

    /// Returns the bytes of a length-delimited value; empty for numbers.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Varint(_) | Self::Fixed(_) => &[],
        }
    }
}

/// Returns the field numbers and values of a message, in wire order.
///
/// # Errors
/// If `wire` is not a valid message.
pub fn decode_fields(mut wire: &[u8]) -> Result<Vec<(u32, WireValue<'_>)>, EncodeError> {
    let mut fields = Vec::new();
    while !wire.is_empty() {
        let (number, kind) = decode_key(&mut wire)?;
        fields.push((number, WireValue::decode(kind, &mut wire)?));
    }
    Ok(fields)
}

/// Returns the default value of an absent scalar field.
pub fn default_wire_value(kind: &Kind) -> WireValue<'static> {
    if matches!(kind, Kind::String | Kind::Bytes) { WireValue::Bytes(&[]) } else { WireValue::Varint(0) }
}
