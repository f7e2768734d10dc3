//! Whether a collection is the one that a client has confirmed writes to.

use crate::store::CollectionInfo;
use crate::types::{ApiError, CollectionSpec, ErrorReason};

/// Checks that a collection is the one that a client expects, if it expects one.
///
/// # Errors
/// If it was deleted and created again.
pub fn check_incarnation(info: &CollectionInfo, expected: &str) -> Result<(), ApiError> {
    let CollectionInfo { name, spec: CollectionSpec { incarnation, .. }, .. } = info;
    if expected.is_empty() || expected == incarnation {
        return Ok(());
    }
    let message = format!(
        "collection `{name}` has the incarnation `{incarnation}`: it was deleted and created again, or the alias was moved; \
         what was confirmed before is not in it, so ingest all of it again"
    );
    let error = ApiError::new(ErrorReason::IncarnationMismatch, "expected_incarnation", message);
    Err(error.with_metadata([("collection", name), ("incarnation", incarnation), ("expected_incarnation", expected)]))
}
