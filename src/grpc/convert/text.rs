//! Texts to encode.

use crate::types::{ApiError, ErrorReason, is_blank};

/// Checks that a text can be encoded at all.
///
/// # Errors
/// If it is blank or has too many bytes.
pub fn check_text(text: &str, max_bytes: usize) -> Result<(), ApiError> {
    if is_blank(text) {
        let message = "it is blank: empty, or only white space and invisible characters; send a text with words, or \
                       leave it out";
        return Err(ApiError::new(ErrorReason::EmptyText, "text", message));
    }
    if text.len() > max_bytes {
        let bytes = text.len();
        let message = format!("it has {bytes} bytes and {max_bytes} are taken; split it, or raise --max-text-bytes");
        return Err(ApiError::new(ErrorReason::TextTooLong, "text", message));
    }
    Ok(())
}
