//! Which of a search's hits are returned.

use crate::grpc::faults::invalid;
use crate::types::Fault;

const DEFAULT_LIMIT: u32 = 10;
/// Maximum number of documents that are returned.
pub const MAX_LIMIT: u32 = 1_000;
/// Maximum number of documents that are skipped.
pub const MAX_OFFSET: u32 = 10_000;

/// Parses `limit` and `offset`.
///
/// # Errors
/// If one of them is out of bounds.
pub fn parse_hit_range(limit: u32, offset: u32) -> Result<(usize, usize), Fault> {
    let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
    if limit > MAX_LIMIT {
        return Err(invalid("limit", format!("it is {limit}; send 1 to {MAX_LIMIT}, or 0 for {DEFAULT_LIMIT}")));
    }
    if offset > MAX_OFFSET {
        return Err(invalid("offset", format!("it is {offset}; send 0 to {MAX_OFFSET}")));
    }
    Ok((limit as usize, offset as usize))
}
