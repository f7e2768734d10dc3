//! Check of a client's expected incarnation.

use crate::store::CollectionInfo;
use crate::types::{ApiError, CollectionSpec, ErrorReason};

/// Checks that a collection has the incarnation that a client expects. An empty `expected` matches any incarnation.
///
/// # Errors
/// `IncarnationMismatch` if the collection was deleted and created again, or the alias was switched.
pub fn check_incarnation(info: &CollectionInfo, expected: &str) -> Result<(), ApiError> {
    let CollectionInfo { name, spec: CollectionSpec { incarnation, .. }, .. } = info;
    if expected.is_empty() || expected == incarnation {
        return Ok(());
    }
    let message = format!(
        "collection `{name}` has incarnation `{incarnation}`, not the expected one: it was deleted and created again, or the \
         alias was switched; writes confirmed earlier are not in it, so ingest all documents again"
    );
    let error = ApiError::new(ErrorReason::IncarnationMismatch, "expected_incarnation", message);
    Err(error.with_metadata([("collection", name), ("incarnation", incarnation), ("expected_incarnation", expected)]))
}
