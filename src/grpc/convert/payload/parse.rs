//! Payloads of documents to write.

use prost_types::Struct;

use super::from_json::parse_json_payload;
use super::from_struct::convert_struct;
use super::limits::{PAYLOAD_FIELD, PayloadLimits, check_bytes, invalid_argument_at};
use crate::types::{ApiError, ErrorReason, FieldPath, Payload, RESERVED_PREFIX};

/// Parses the payload of a document from `payload` or `payload_json`.
///
/// # Errors
/// `INVALID_ARGUMENT` with the path of the value if both fields are set, the text is not a JSON object, a field name is
/// reserved, a number can't be stored exactly, the nesting is too deep, or the payload is too large.
pub fn parse_payload(fields: Option<Struct>, text: &str, limits: PayloadLimits) -> Result<Payload, ApiError> {
    let payload = match (fields, text) {
        (None, "") => return Ok(Payload::new()),
        (Some(fields), "") => convert_struct(fields, &FieldPath::new(PAYLOAD_FIELD), limits.max_depth)?,
        (None, text) => parse_json_payload(text, limits)?,
        (Some(_), _) => {
            let message = "`payload` and `payload_json` are both set; set only one of them";
            return Err(ApiError::new(ErrorReason::InvalidArgument, "payload_json", message));
        }
    };
    if let Some(name) = payload.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; rename the field");
        return Err(invalid_argument_at(&FieldPath::new(PAYLOAD_FIELD).field(name), message));
    }
    check_bytes(&payload, limits.max_bytes)?;
    Ok(payload)
}
