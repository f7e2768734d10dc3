//! Faults as statuses and as errors of items, by name.

use tonic::Status;

use crate::proto::ItemError;
use crate::types::Fault;

/// Converts a fault to the status of a call.
pub fn status(fault: Fault) -> Status {
    fault.into()
}

/// Converts a fault to the error of one item.
pub fn item_error(fault: Fault) -> ItemError {
    fault.into()
}
