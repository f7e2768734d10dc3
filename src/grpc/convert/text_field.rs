//! `text_field`: payload field that stores the text of a document.

use super::vector_name::MAX_NAME_BYTES;
use crate::grpc::errors::invalid_argument;
use crate::types::{ApiError, DEFAULT_TEXT_FIELD, RESERVED_PREFIX};

/// Parses `text_field`. If it is empty, the text is not stored.
///
/// # Errors
/// `INVALID_ARGUMENT` if the name is too long or reserved.
pub fn parse_text_field(name: Option<String>) -> Result<String, ApiError> {
    let name = name.unwrap_or_else(|| DEFAULT_TEXT_FIELD.to_owned());
    if name.len() > MAX_NAME_BYTES {
        let message = format!("the name has {} bytes; send at most {MAX_NAME_BYTES}", name.len());
        return Err(invalid_argument("text_field", message));
    }
    if name.starts_with(RESERVED_PREFIX) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; choose another name");
        return Err(invalid_argument("text_field", message));
    }
    Ok(name)
}
