//! Decodes columns of bytes to text.

#[cfg(feature = "parquet")]
use std::borrow::Cow;

use encoding_rs::Encoding;
#[cfg(feature = "parquet")]
use encoding_rs::{UTF_16BE, UTF_16LE};

/// Encoding of byte values that become text of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BinaryText {
    #[default]
    Utf8,
    /// UTF-16 with the byte order of its byte order mark; little-endian without one.
    Utf16,
    Other(&'static Encoding),
}

impl BinaryText {
    /// Decodes the bytes; `None` if they are invalid in this encoding.
    #[cfg(feature = "parquet")]
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Utf16 => {
                let (encoding, bytes) = match bytes {
                    [0xfe, 0xff, rest @ ..] => (UTF_16BE, rest),
                    [0xff, 0xfe, rest @ ..] => (UTF_16LE, rest),
                    _ => (UTF_16LE, bytes),
                };
                Self::Other(encoding).decode(bytes)
            }
            Self::Other(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
            }
        }
    }
}
