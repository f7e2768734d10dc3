//! `limit` and `offset` of searches.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

const DEFAULT_SEARCH_LIMIT: u32 = 10;
/// Maximum value of `limit`.
pub const MAX_SEARCH_LIMIT: u32 = 1_000;
/// Maximum value of `offset`.
pub const MAX_SEARCH_OFFSET: u32 = 10_000;

/// Parses `limit` and `offset`.
///
/// # Errors
/// `INVALID_ARGUMENT` if one of them is out of range.
pub fn parse_hit_range(limit: u32, offset: u32) -> Result<(usize, usize), ApiError> {
    let limit = if limit == 0 { DEFAULT_SEARCH_LIMIT } else { limit };
    if limit > MAX_SEARCH_LIMIT {
        return Err(invalid_argument(
            "limit",
            format!(
                "{limit} is out of range; send 1 to {MAX_SEARCH_LIMIT}, or 0 for the default of {DEFAULT_SEARCH_LIMIT}"
            ),
        ));
    }
    if offset > MAX_SEARCH_OFFSET {
        return Err(invalid_argument("offset", format!("{offset} is out of range; send 0 to {MAX_SEARCH_OFFSET}")));
    }
    Ok((limit as usize, offset as usize))
}
