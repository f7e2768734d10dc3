//! What becomes of a text that is longer than the encoder takes.

use super::enumeration::parse_enum;
use crate::grpc::errors::invalid_argument;
use crate::model::RoleEncoder;
use crate::proto;
use crate::types::{ApiError, LongTextPolicy};

/// In tokens; a quarter of a window if that is less.
const DEFAULT_WINDOW_OVERLAP: usize = 32;

/// Parses `long_text` and `window_overlap` of a text that `side` encodes.
///
/// # Errors
/// If the number is not a value of the enum, or the overlap is out of bounds or has no use.
pub fn parse_long_text(number: i32, overlap: Option<u32>, encoder: &RoleEncoder) -> Result<LongTextPolicy, ApiError> {
    match (parse_enum("long_text", "LongText", number)?, overlap) {
        (proto::LongText::Window, overlap) => {
            let overlap = parse_window_overlap(overlap, encoder.tokenizer.max_content_tokens())?;
            Ok(LongTextPolicy::Window { overlap })
        }
        (_, Some(_)) => {
            let message = "only windows overlap; set long_text to LONG_TEXT_WINDOW, or omit it";
            Err(invalid_argument("window_overlap", message))
        }
        (proto::LongText::Unspecified | proto::LongText::Truncate, None) => Ok(LongTextPolicy::Truncate),
        (proto::LongText::Reject, None) => Ok(LongTextPolicy::Reject),
    }
}

/// Returns the overlap of windows of `room` tokens, in tokens; without bounds if texts of any length are encoded whole.
fn parse_window_overlap(overlap: Option<u32>, max_content_tokens: Option<usize>) -> Result<usize, ApiError> {
    let max_content_tokens = max_content_tokens.unwrap_or(usize::MAX);
    match overlap.map(|overlap| overlap as usize) {
        None => Ok(DEFAULT_WINDOW_OVERLAP.min(max_content_tokens / 4)),
        // More would make a window for every few tokens.
        Some(overlap) if overlap <= max_content_tokens / 2 => Ok(overlap),
        Some(overlap) => {
            let max = max_content_tokens / 2;
            let message =
                format!("it is {overlap}; send at most {max}, half of a window's {max_content_tokens} tokens");
            Err(invalid_argument("window_overlap", message))
        }
    }
}
