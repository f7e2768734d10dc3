//! Values of the contract's enums, which travel as numbers.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Decodes a field's number as a value of the contract's enum `name`.
///
/// # Errors
/// If the enum has no such value.
pub fn parse_enum<E: TryFrom<i32>>(field: &str, name: &str, number: i32) -> Result<E, ApiError> {
    E::try_from(number)
        .map_err(|_| invalid_argument(field, format!("{number} is not a value of {name}; use one that is")))
}
