//! Checks of the responses to writes.

use qdrant_client::qdrant::{UpdateResult, UpdateStatus};

use crate::store::StoreError;

/// Checks that an upsert or deletion was applied.
///
/// Qdrant waits for the write without a limit, since the requests have no timeout. It may still answer Acknowledged (logged
/// by each replica, not applied yet) if a replica is a listener, and WaitTimeout (applied or logged, not visible yet) if
/// its update worker was restarted. Such a write is normally applied in the order of the log, but it is not confirmed as
/// visible, and the log may not be flushed. So the outcome is unknown, and the write must be retried; the retry comes after
/// the first attempt in the same log.
///
/// # Errors
/// [`StoreError::Timeout`] for any status except Completed; [`StoreError::Failed`] if the response has no result.
pub(super) fn ensure_completed(result: Option<UpdateResult>) -> Result<(), StoreError> {
    match result.map(|result| result.status()) {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(other) => {
            Err(StoreError::Timeout(format!("Qdrant returned status {}, expected Completed", other.as_str_name())))
        }
        None => Err(StoreError::Failed("Qdrant's response to a write has no result".to_owned())),
    }
}

/// Checks that Qdrant confirmed a change of a collection. `change` describes it in the error.
///
/// # Errors
/// [`StoreError::Timeout`] if it was not confirmed.
pub(super) fn ensure_confirmed(is_confirmed: bool, change: &str) -> Result<(), StoreError> {
    if is_confirmed { Ok(()) } else { Err(StoreError::Timeout(format!("Qdrant did not confirm {change}"))) }
}
