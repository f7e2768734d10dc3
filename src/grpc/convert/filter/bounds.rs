//! Bounds of one condition.

use crate::grpc::faults::invalid;
use crate::types::Fault;

/// Maximum number of values of one condition.
pub const MAX_VALUES: usize = 1_000;

/// # Errors
/// If a condition has no values or too many.
pub fn check_count(field: &str, count: usize) -> Result<(), Fault> {
    if (1..=MAX_VALUES).contains(&count) {
        return Ok(());
    }
    Err(invalid(field, format!("there are {count} values; send 1 to {MAX_VALUES}")))
}
