//! JSON text of documents, read the same way wherever it comes from: lines of files, cells of tables, `payload_json`.
//!
//! Stricter than serde_json, which drops all but the last of equal keys and rounds whole numbers beyond 64 bits: here
//! both are errors, with the path of the value.

mod number;
mod path;
mod strict;
mod token;

#[cfg(feature = "http")]
pub use self::number::INEXACT_FROM;
pub use self::number::{is_exact, number, whole_id};
#[cfg(feature = "http")]
pub use self::path::path_at;
pub use self::strict::{JsonError, kind, parse, parse_object};
#[cfg(feature = "http")]
pub use self::token::{as_integer, token_length};
