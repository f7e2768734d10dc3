//! `page_size` of list calls.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

const DEFAULT_PAGE_SIZE: u32 = 100;
/// Maximum value of `page_size`.
pub const MAX_PAGE_SIZE: u32 = 1_000;

/// Parses `page_size`; 0 is the default.
///
/// # Errors
/// `INVALID_ARGUMENT` if the value is out of range.
pub fn parse_page_size(size: u32) -> Result<usize, ApiError> {
    match size {
        0 => Ok(DEFAULT_PAGE_SIZE as usize),
        1..=MAX_PAGE_SIZE => Ok(size as usize),
        _ => Err(invalid_argument(
            "page_size",
            format!("{size} is out of range; send 1 to {MAX_PAGE_SIZE}, or 0 for the default of {DEFAULT_PAGE_SIZE}"),
        )),
    }
}
