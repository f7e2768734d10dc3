//! The size of a list's pages.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

const DEFAULT_PAGE_SIZE: u32 = 100;
/// Maximum number of items per page.
pub const MAX_PAGE_SIZE: u32 = 1_000;

/// Returns the maximum number of items of a page.
///
/// # Errors
/// If it is out of bounds.
pub fn parse_page_size(size: u32) -> Result<usize, ApiError> {
    match size {
        0 => Ok(DEFAULT_PAGE_SIZE as usize),
        1..=MAX_PAGE_SIZE => Ok(size as usize),
        _ => Err(invalid_argument(
            "page_size",
            format!("it is {size}; send 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}"),
        )),
    }
}
