//! Payloads of messages: `google.protobuf.Struct` or the text of a JSON object, to what is stored and back. This is the
//! only place where a Struct becomes JSON or JSON a Struct.
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
