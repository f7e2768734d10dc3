//! `result_filter`: selection of the results that a stream returns.

use super::enumeration::parse_enum;
use crate::proto::ResultFilter;
use crate::types::ApiError;

/// Returns whether only results with errors are sent.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is not a value of the enum.
pub fn parse_only_problems(number: i32) -> Result<bool, ApiError> {
    Ok(parse_enum::<ResultFilter>("result_filter", "ResultFilter", number)? == ResultFilter::Problems)
}
