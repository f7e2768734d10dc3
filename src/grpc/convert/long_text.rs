//! What becomes of a text that is longer than the encoder takes.

use super::enumeration::parse_enum;
use crate::grpc::faults::invalid;
use crate::model::Side;
use crate::proto;
use crate::types::{Fault, LongText};

/// In tokens; a quarter of a window if that is less.
const DEFAULT_WINDOW_OVERLAP: usize = 32;

/// Parses `long_text` and `window_overlap` of a text that `side` encodes.
///
/// # Errors
/// If the number is not a value of the enum, or the overlap is out of bounds or has no use.
pub fn parse_long_text(number: i32, overlap: Option<u32>, side: &Side) -> Result<LongText, Fault> {
    match (parse_enum("long_text", "LongText", number)?, overlap) {
        (proto::LongText::Window, overlap) => {
            let overlap = parse_window_overlap(overlap, side.tokenizer.room())?;
            Ok(LongText::Window { overlap })
        }
        (_, Some(_)) => {
            let message = "only windows overlap; set long_text to LONG_TEXT_WINDOW, or omit it";
            Err(invalid("window_overlap", message))
        }
        (proto::LongText::Unspecified | proto::LongText::Truncate, None) => Ok(LongText::Truncate),
        (proto::LongText::Reject, None) => Ok(LongText::Reject),
    }
}

/// Returns the overlap of windows of `room` tokens, in tokens; without bounds if texts of any length are encoded whole.
fn parse_window_overlap(overlap: Option<u32>, room: Option<usize>) -> Result<usize, Fault> {
    let room = room.unwrap_or(usize::MAX);
    match overlap.map(|overlap| overlap as usize) {
        None => Ok(DEFAULT_WINDOW_OVERLAP.min(room / 4)),
        // More would make a window for every few tokens.
        Some(overlap) if overlap <= room / 2 => Ok(overlap),
        Some(overlap) => {
            let max = room / 2;
            let message = format!("it is {overlap}; send at most {max}, half of a window's {room} tokens");
            Err(invalid("window_overlap", message))
        }
    }
}
