//! Results of operations.

use crate::pipeline::{ItemResult, OperationKey, OperationOutcome, StreamProgress};
use crate::proto::{OperationResult, OperationStatus};

/// Converts the result of an operation to its response message, and records it in the progress of the stream.
pub fn to_operation_result(
    finished: ItemResult<OperationKey, OperationOutcome>,
    progress: &mut StreamProgress,
) -> OperationResult {
    let OperationKey { sequence, id, position } = finished.key;
    let (status, stats, error) = match finished.outcome {
        Ok(OperationOutcome::Indexed(indexed)) => (OperationStatus::Indexed, Some((&indexed).into()), None),
        Ok(OperationOutcome::Unchanged) => (OperationStatus::Unchanged, None, None),
        Ok(OperationOutcome::Deleted) => (OperationStatus::Deleted, None, None),
        Ok(OperationOutcome::Superseded) => (OperationStatus::Superseded, None, None),
        Err(error) if error.reason.is_item_error() => (OperationStatus::Rejected, None, Some(error.into())),
        Err(error) => (OperationStatus::Failed, None, Some(error.into())),
    };
    match status {
        OperationStatus::Failed => progress.record_failed(sequence),
        _ => progress.record_final(sequence, position.clone()),
    }
    OperationResult { sequence, id: id.map(Into::into), status: status.into(), error, stats, position }
}
