//! Bounds of one condition.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Maximum number of values of one condition.
pub const MAX_CONDITION_VALUES: usize = 1_000;

/// Checks the number of values of a condition.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are no values, or more than [`MAX_CONDITION_VALUES`].
pub fn check_value_count(field: &str, count: usize) -> Result<(), ApiError> {
    if (1..=MAX_CONDITION_VALUES).contains(&count) {
        return Ok(());
    }
    Err(invalid_argument(field, format!("the condition has {count} values; send 1 to {MAX_CONDITION_VALUES}")))
}
