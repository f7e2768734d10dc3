//! Validation of texts to encode.

use crate::types::{ApiError, ErrorReason, is_blank};

/// Checks that a text is not blank and not too large.
///
/// # Errors
/// `EMPTY_TEXT` if the text is blank, `TEXT_TOO_LONG` if it has more than `max_bytes` bytes.
pub fn check_text(text: &str, max_bytes: usize) -> Result<(), ApiError> {
    if is_blank(text) {
        let message = "the text is blank: empty, or only whitespace and invisible characters; send a text with words, \
                       or omit it";
        return Err(ApiError::new(ErrorReason::EmptyText, "text", message));
    }
    if text.len() > max_bytes {
        let bytes = text.len();
        let message = format!(
            "the text has {bytes} bytes, more than the maximum of {max_bytes}; split it, or raise --max-text-bytes"
        );
        return Err(ApiError::new(ErrorReason::TextTooLong, "text", message));
    }
    Ok(())
}
