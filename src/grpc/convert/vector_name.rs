//! Names of the vectors of a collection.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Maximum length of the name of a vector, a field or a shard key, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Checks the name of a vector. The characters are restricted because stores use the name as a directory name.
///
/// # Errors
/// `INVALID_ARGUMENT` if the name is empty, too long, or has characters other than letters, digits, `_` and `-`.
pub fn check_vector_name(field: &str, name: &str) -> Result<(), ApiError> {
    let allowed = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if allowed && (1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    Err(invalid_argument(
        field,
        format!("the vector name is invalid; use 1 to {MAX_NAME_BYTES} characters of A–Z, a–z, 0–9, _ and -"),
    ))
}
