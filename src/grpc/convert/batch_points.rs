//! The size of a stream's upserts.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

const DEFAULT_BATCH_POINTS: u32 = 1_000;
/// Maximum number of points per upsert.
pub const MAX_BATCH_POINTS: u32 = 10_000;

/// Returns the maximum number of points per upsert.
///
/// # Errors
/// If it is out of bounds.
pub fn parse_batch_points(points: u32) -> Result<usize, ApiError> {
    match points {
        0 => Ok(DEFAULT_BATCH_POINTS as usize),
        1..=MAX_BATCH_POINTS => Ok(points as usize),
        _ => Err(invalid_argument(
            "batch_points",
            format!("it is {points}; send 1 to {MAX_BATCH_POINTS}, or 0 for the default"),
        )),
    }
}
