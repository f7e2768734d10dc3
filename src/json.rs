//! Strict JSON parser for documents, shared by all sources: JSON Lines files, table cells, `payload_json`.
//!
//! Stricter than serde_json, which keeps only the last of duplicate keys and rounds integers beyond 64 bits: here both are
//! errors that contain the path of the value.

mod number;
mod path;
mod strict;
mod token;

#[cfg(feature = "http")]
pub use self::number::TWO_POW_53;
pub use self::number::{id_from_f64, is_exact_f64, number_from_f64};
#[cfg(feature = "http")]
pub use self::path::path_at;
pub use self::strict::{JsonError, describe_kind, parse, parse_object};
#[cfg(feature = "http")]
pub use self::token::{as_integer, token_length};
