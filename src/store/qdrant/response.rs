//! Answers to changes.

use qdrant_client::qdrant::{UpdateResult, UpdateStatus};

use crate::store::StoreError;

/// Returns an error unless a write was applied, the same for an upsert and for a delete.
///
/// Qdrant waits for the write without a limit of its own, since the requests have no timeout. It still answers
/// Acknowledged (in the log of each replica, not applied yet) where a replica only listens, and WaitTimeout (applied,
/// or in the log, not visible yet) where its update worker was restarted meanwhile. Either write is applied, in the
/// order of the log, unless the engine then fails on it; neither is confirmed as visible, and the log is not known to
/// be flushed. So neither counts: the outcome is unknown, and the write is sent again, after the first in the same log.
pub(super) fn ensure_completed(result: Option<UpdateResult>) -> Result<(), StoreError> {
    match result.map(|result| result.status()) {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(other) => {
            Err(StoreError::Timeout(format!("Qdrant answered {} instead of Completed", other.as_str_name())))
        }
        None => Err(StoreError::Failed("Qdrant answered a write without a result".to_owned())),
    }
}

/// Returns an error if Qdrant's answer to a change of a collection is not that it was made.
pub(super) fn ensure_confirmed(is_confirmed: bool, what: &str) -> Result<(), StoreError> {
    if is_confirmed { Ok(()) } else { Err(StoreError::Timeout(format!("Qdrant did not confirm that {what}"))) }
}
