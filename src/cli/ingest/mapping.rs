//! Maps the fields of a line or row to a document, or to the error with which it is rejected.

mod binary_text;
mod columns;
mod field_mapping;
mod fields;
mod names;
mod partitions;
mod rejection;
mod seen_fields;
mod select;
#[cfg(test)]
mod tests;
mod text;

pub use self::binary_text::BinaryText;
#[cfg(feature = "parquet")]
pub use self::columns::InputColumn;
pub use self::field_mapping::{DEFAULT_ID_FIELD, FieldMapping, PAYLOAD_FLAG, TEXT_FLAG};
pub use self::fields::Fields;
pub use self::names::shorten;
pub use self::rejection::{MAX_DOCUMENT_BYTES, NOT_UTF8, encode_document, reject_malformed, reject_too_long};
pub use self::seen_fields::MissingField;
#[cfg(feature = "parquet")]
pub use self::select::is_within;
