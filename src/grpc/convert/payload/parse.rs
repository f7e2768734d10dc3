//! The payload of a document as it comes.

use prost_types::Struct;

use super::from_json::parse_json_payload;
use super::from_struct::convert_struct;
use super::limits::{PAYLOAD_FIELD, PayloadLimits, check_bytes, invalid_argument_at};
use crate::types::{ApiError, ErrorReason, FieldPath, Payload, RESERVED_PREFIX};

/// Parses a client's payload, from the one of the two fields that is set.
///
/// # Errors
/// Both fields, text that is no JSON object, a reserved field, a number that can't be stored exactly, too deep a
/// nesting, too many bytes; each by its path.
pub fn parse_payload(fields: Option<Struct>, text: &str, limits: PayloadLimits) -> Result<Payload, ApiError> {
    let payload = match (fields, text) {
        (None, "") => return Ok(Payload::new()),
        (Some(fields), "") => convert_struct(fields, &FieldPath::new(PAYLOAD_FIELD), limits.max_depth)?,
        (None, text) => parse_json_payload(text, limits)?,
        (Some(_), _) => {
            let message = "`payload` and `payload_json` are both set; set one of them";
            return Err(ApiError::new(ErrorReason::InvalidArgument, "payload_json", message));
        }
    };
    if let Some(name) = payload.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(invalid_argument_at(&FieldPath::new(PAYLOAD_FIELD).field(name), message));
    }
    check_bytes(&payload, limits.max_bytes)?;
    Ok(payload)
}
