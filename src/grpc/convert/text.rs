//! Texts to encode.

use crate::types::{Fault, Reason, is_blank};

/// Checks that a text can be encoded at all.
///
/// # Errors
/// If it is blank or has too many bytes.
pub fn check_text(text: &str, max_bytes: usize) -> Result<(), Fault> {
    if is_blank(text) {
        let message = "it is blank: empty, or only white space and invisible characters; send a text with words, or \
                       leave it out";
        return Err(Fault::new(Reason::EmptyText, "text", message));
    }
    if text.len() > max_bytes {
        let bytes = text.len();
        let message = format!("it has {bytes} bytes and {max_bytes} are taken; split it, or raise --max-text-bytes");
        return Err(Fault::new(Reason::TextTooLong, "text", message));
    }
    Ok(())
}
