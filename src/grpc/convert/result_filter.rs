//! Which results a stream returns.

use super::enumeration::parse_enum;
use crate::proto::ResultFilter;
use crate::types::ApiError;

/// Returns whether only problems are sent.
///
/// # Errors
/// If the number is not a value of the enum.
pub fn parse_only_problems(number: i32) -> Result<bool, ApiError> {
    Ok(parse_enum::<ResultFilter>("result_filter", "ResultFilter", number)? == ResultFilter::Problems)
}
