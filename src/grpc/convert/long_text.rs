//! `long_text` and `window_overlap`: policy for texts with more tokens than the model's maximum.

use super::enumeration::parse_enum;
use crate::grpc::errors::invalid_argument;
use crate::model::RoleEncoder;
use crate::proto;
use crate::types::{ApiError, LongTextPolicy};

/// Default overlap of windows, in tokens, or a quarter of a window if that is less.
const DEFAULT_WINDOW_OVERLAP: usize = 32;

/// Parses `long_text` and `window_overlap` of a text that `encoder` encodes.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is not a value of the enum, the overlap is too large, or an overlap is set without windows.
pub fn parse_long_text(number: i32, overlap: Option<u32>, encoder: &RoleEncoder) -> Result<LongTextPolicy, ApiError> {
    match (parse_enum("long_text", "LongText", number)?, overlap) {
        (proto::LongText::Window, overlap) => {
            let overlap = parse_window_overlap(overlap, encoder.tokenizer.max_content_tokens())?;
            Ok(LongTextPolicy::Window { overlap })
        }
        (_, Some(_)) => {
            let message =
                "the overlap applies only to windows; set `long_text` to LONG_TEXT_WINDOW, or omit the overlap";
            Err(invalid_argument("window_overlap", message))
        }
        (proto::LongText::Unspecified | proto::LongText::Truncate, None) => Ok(LongTextPolicy::Truncate),
        (proto::LongText::Reject, None) => Ok(LongTextPolicy::Reject),
    }
}

/// Returns the overlap, in tokens, of windows of `max_content_tokens` tokens. `None` means that the model has no maximum, so the
/// overlap is unbounded.
fn parse_window_overlap(overlap: Option<u32>, max_content_tokens: Option<usize>) -> Result<usize, ApiError> {
    let max_content_tokens = max_content_tokens.unwrap_or(usize::MAX);
    match overlap.map(|overlap| overlap as usize) {
        None => Ok(DEFAULT_WINDOW_OVERLAP.min(max_content_tokens / 4)),
        // With a larger overlap, the number of windows, and the work, would grow with few new tokens per window.
        Some(overlap) if overlap <= max_content_tokens / 2 => Ok(overlap),
        Some(overlap) => {
            let max = max_content_tokens / 2;
            let message = format!(
                "{overlap} is too large; send at most {max}, half of the {max_content_tokens} tokens of a window"
            );
            Err(invalid_argument("window_overlap", message))
        }
    }
}
