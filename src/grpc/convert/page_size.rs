//! The size of a list's pages.

use crate::grpc::faults::invalid;
use crate::types::Fault;

const DEFAULT_PAGE: u32 = 100;
/// Maximum number of items per page.
pub const MAX_PAGE: u32 = 1_000;

/// Returns the maximum number of items of a page.
///
/// # Errors
/// If it is out of bounds.
pub fn parse_page_size(size: u32) -> Result<usize, Fault> {
    match size {
        0 => Ok(DEFAULT_PAGE as usize),
        1..=MAX_PAGE => Ok(size as usize),
        _ => Err(invalid("page_size", format!("it is {size}; send 1 to {MAX_PAGE}, or 0 for {DEFAULT_PAGE}"))),
    }
}
