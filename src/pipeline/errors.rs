//! The faults that several stages of the pipeline answer with.

use crate::store::StoreError;
use crate::types::{ApiError, ErrorReason};

/// Refuses what comes while the pipeline is closed.
pub fn new_shutting_down_error() -> ApiError {
    ApiError::new(ErrorReason::ShuttingDown, "", "the server is stopping; send this again to another one, or later")
}

/// Refuses a call for which there are no permits now.
pub fn new_overloaded_error() -> ApiError {
    let message = "there is no room for the call now; send it again after the pause, or use a stream, which waits";
    ApiError::new(ErrorReason::Overloaded, "", message)
}

/// What a store's error means to a stream, whose collection was there when it began.
pub fn to_stream_error(error: StoreError) -> ApiError {
    match error {
        StoreError::CollectionNotFound(name) => report_missing_collection(&name),
        error => error.into(),
    }
}

/// Told to a client whose collection was there when its stream began and is not any more, and logged: the store came back
/// empty, or somebody deleted the collection. What it had confirmed is gone with it, and only the client can bring it back.
fn report_missing_collection(name: &str) -> ApiError {
    tracing::error!(
        collection = name,
        "a collection is gone from the store, with all that was confirmed in it; its clients must ingest again"
    );
    let message = format!(
        "collection `{name}` was there when this stream began and is gone from the store, and what was confirmed before \
         may be gone with it; find out why, then ingest all of it again, with create_collection"
    );
    ApiError::new(ErrorReason::CollectionNotFound, "collection", message)
}
