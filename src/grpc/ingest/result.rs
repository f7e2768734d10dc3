//! The result of one operation.

use crate::pipeline::{Finished, OperationKey, Progress, Stored};
use crate::proto::{OperationResult, OperationStatus};

/// Converts an operation's result for its client, and records it in the stream's progress.
pub fn to_result(finished: Finished<OperationKey, Stored>, progress: &mut Progress) -> OperationResult {
    let OperationKey { sequence, id, position } = finished.key;
    let (status, stats, error) = match finished.outcome {
        Ok(Stored::Indexed(indexed)) => (OperationStatus::Indexed, Some((&indexed).into()), None),
        Ok(Stored::Unchanged) => (OperationStatus::Unchanged, None, None),
        Ok(Stored::Deleted) => (OperationStatus::Deleted, None, None),
        Ok(Stored::Superseded) => (OperationStatus::Superseded, None, None),
        Err(fault) if fault.reason.blames_item() => (OperationStatus::Rejected, None, Some(fault.into())),
        Err(fault) => (OperationStatus::Failed, None, Some(fault.into())),
    };
    match status {
        OperationStatus::Failed => progress.fail(sequence),
        _ => progress.finish(sequence, position.clone()),
    }
    OperationResult { sequence, id: id.map(Into::into), status: status.into(), error, stats, position }
}
