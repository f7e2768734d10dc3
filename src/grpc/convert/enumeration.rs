//! Enum values, which protobuf transmits as numbers.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Converts the number in `field` to a value of the enum `name`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the enum has no such value.
pub fn parse_enum<E: TryFrom<i32>>(field: &str, name: &str, number: i32) -> Result<E, ApiError> {
    E::try_from(number)
        .map_err(|_| invalid_argument(field, format!("{number} is not a value of {name}; send a defined value")))
}
