//! Outcomes of a stream.

use std::time::Duration;

use tonic::Status;

use crate::proto::ItemError;

/// Summary of the operations of a stream that FAILED.
pub struct FailedOperations {
    /// Error of the first failed operation that was reported.
    pub error: ItemError,
    /// Longest retry delay that the server requested.
    pub delay: Duration,
}

/// Successful end of a stream.
pub enum StreamEnd {
    /// Everything that was read is acknowledged.
    Complete,
    /// The server drains; the pending documents are sent to another one.
    Drained,
}

/// Failure of a stream.
pub enum StreamError {
    /// The stream or its connection ended early.
    Broken(Status),
    /// Operations FAILED and must be sent again.
    Failed(Status),
    /// The error is permanent: another stream would fail in the same way.
    Fatal(anyhow::Error),
}

impl From<anyhow::Error> for StreamError {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}
