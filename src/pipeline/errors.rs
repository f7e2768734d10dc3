//! Errors shared by several stages of the pipeline.

use crate::store::StoreError;
use crate::types::{ApiError, ErrorReason};

/// Returns the error for calls and items that arrive while the pipeline is closed.
pub fn new_shutting_down_error() -> ApiError {
    ApiError::new(ErrorReason::ShuttingDown, "", "the server is shutting down; retry on another server, or later")
}

/// Returns the error for a call that can't get its permits.
pub fn new_overloaded_error() -> ApiError {
    let message =
        "server at capacity; retry after the delay in RetryInfo, or use the streaming call, which applies backpressure";
    ApiError::new(ErrorReason::Overloaded, "", message)
}

/// Converts a store error for a stream, whose collection existed when the stream began.
pub fn to_stream_error(error: StoreError) -> ApiError {
    match error {
        StoreError::CollectionNotFound(name) => report_missing_collection(&name),
        error => error.into(),
    }
}

/// Logs and returns the error for a collection that existed when the stream began and is now missing: the store lost
/// its data, or the collection was deleted. Confirmed documents are lost with it, and only the client can restore them.
fn report_missing_collection(name: &str) -> ApiError {
    tracing::error!(
        collection = name,
        "collection missing from the store, including all confirmed documents; its clients must ingest again"
    );
    let message = format!(
        "collection `{name}` existed when this stream began and is now missing from the store, possibly with all confirmed \
         documents; find the cause, then ingest all documents again with create_collection"
    );
    ApiError::new(ErrorReason::CollectionNotFound, "collection", message)
}
