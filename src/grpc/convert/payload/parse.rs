//! The payload of a document as it comes.

use prost_types::Struct;

use super::from_json::from_json;
use super::from_struct::from_struct;
use super::limits::{FIELD, PayloadLimits, check_bytes, invalid_at};
use crate::types::{Fault, FieldPath, Payload, RESERVED_PREFIX, Reason};

/// Parses a client's payload, from the one of the two fields that is set.
///
/// # Errors
/// Both fields, text that is no JSON object, a reserved field, a number that can't be stored exactly, too deep a
/// nesting, too many bytes; each by its path.
pub fn parse_payload(fields: Option<Struct>, text: &str, limits: PayloadLimits) -> Result<Payload, Fault> {
    let payload = match (fields, text) {
        (None, "") => return Ok(Payload::new()),
        (Some(fields), "") => from_struct(fields, &FieldPath::new(FIELD), limits.depth)?,
        (None, text) => from_json(text, limits)?,
        (Some(_), _) => {
            let message = "`payload` and `payload_json` are both set; set one of them";
            return Err(Fault::new(Reason::InvalidArgument, "payload_json", message));
        }
    };
    if let Some(name) = payload.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(invalid_at(&FieldPath::new(FIELD).field(name), message));
    }
    check_bytes(&payload, limits.bytes)?;
    Ok(payload)
}
