//! Conversion of payloads between messages (`google.protobuf.Struct` or the text of a JSON object) and the stored JSON. No other
//! module converts between Struct and JSON.
//!
//! See docs/adr/0003-payloads-as-json.md.

mod fields;
mod format;
mod from_json;
mod from_struct;
mod limits;
mod parse;
#[cfg(test)]
mod tests;

pub use fields::PayloadFields;
pub use format::parse_payload_format;
pub use limits::PayloadLimits;
pub use parse::parse_payload;
