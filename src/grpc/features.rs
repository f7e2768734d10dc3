//! Features that this server implements, and declared fields that it doesn't implement.
//!
//! Ignoring a field that changes the meaning of a request is unsafe: a search without its tenant would return documents of
//! other tenants. Therefore declared but unimplemented fields are refused by name, and undeclared fields by number
//! ([`proto::unknown_fields`](crate::proto::unknown_fields)).
//!
//! See docs/adr/0004-the-v1-contract.md.

use super::errors::unimplemented_field;
use crate::types::{ApiError, ErrorReason};

/// Feature names that `required_features` may contain, documented in docs/api.md.
pub const FEATURES: [&str; 4] = ["delete_operations", "document_version", "expected_incarnation", "payload_json"];

/// Checks that this server implements all required features.
///
/// # Errors
/// `UNIMPLEMENTED` for the first feature that this server doesn't implement.
pub fn check_features(required: &[String]) -> Result<(), ApiError> {
    match required.iter().position(|feature| !FEATURES.contains(&&**feature)) {
        None => Ok(()),
        Some(index) => {
            let feature = required.get(index).map_or("", |feature| feature);
            let message = format!(
                "this server doesn't implement feature `{feature}`; omit it, or use a server that lists it in Server.features"
            );
            Err(ApiError::new(ErrorReason::Unimplemented, format!("required_features[{index}]"), message))
        }
    }
}

/// Refuses a field that is declared and not implemented, if it is set.
///
/// # Errors
/// `UNIMPLEMENTED` if the field is set.
pub fn check_unset(field: &str, is_set: bool) -> Result<(), ApiError> {
    if is_set { Err(unimplemented_field(field)) } else { Ok(()) }
}
