//! Features that this server implements, and fields of the contract that it doesn't.
//!
//! A field that changes what a request means must never be dropped: a search without its tenant shows another tenant's
//! documents. So what is declared and not implemented is refused by its name, and what isn't even declared by its number
//! ([`proto::unknown_fields`](crate::proto::unknown_fields)).
//!
//! See docs/adr/0004-the-v1-contract.md.

use super::errors::unimplemented_field;
use crate::types::{ApiError, ErrorReason};

/// The names that `required_features` may have. docs/api.md says what each means.
pub const FEATURES: [&str; 4] = ["delete_operations", "document_version", "expected_incarnation", "payload_json"];

/// # Errors
/// The first of the features that this server doesn't implement.
pub fn check_features(required: &[String]) -> Result<(), ApiError> {
    match required.iter().position(|feature| !FEATURES.contains(&&**feature)) {
        None => Ok(()),
        Some(index) => {
            let feature = required.get(index).map_or("", |feature| feature);
            let message = format!(
                "this server doesn't implement `{feature}`; use a server that lists it in Server.features, or do without it"
            );
            Err(ApiError::new(ErrorReason::Unimplemented, format!("required_features[{index}]"), message))
        }
    }
}

/// Refuses a field that is declared and not implemented, if it is set.
///
/// # Errors
/// If it is.
pub fn check_unset(field: &str, is_set: bool) -> Result<(), ApiError> {
    if is_set { Err(unimplemented_field(field)) } else { Ok(()) }
}
