//! `batch_points`: number of points per upsert to the store.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

const DEFAULT_BATCH_POINTS: u32 = 1_000;
/// Maximum value of `batch_points`.
pub const MAX_BATCH_POINTS: u32 = 10_000;

/// Parses `batch_points`; 0 is the default.
///
/// # Errors
/// `INVALID_ARGUMENT` if the value is out of range.
pub fn parse_batch_points(points: u32) -> Result<usize, ApiError> {
    match points {
        0 => Ok(DEFAULT_BATCH_POINTS as usize),
        1..=MAX_BATCH_POINTS => Ok(points as usize),
        _ => Err(invalid_argument(
            "batch_points",
            format!(
                "{points} is out of range; send 1 to {MAX_BATCH_POINTS}, or 0 for the default of {DEFAULT_BATCH_POINTS}"
            ),
        )),
    }
}
