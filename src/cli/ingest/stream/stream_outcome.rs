//! How a stream ended.

use std::time::Duration;

use tonic::Status;

use crate::proto::ItemError;

/// Operations of a stream that FAILED.
pub struct FailedOperations {
    /// The error of the one that was told first.
    pub error: ItemError,
    /// The longest delay that was asked for.
    pub delay: Duration,
}

/// How a stream ended well.
pub enum StreamEnd {
    /// All that was read is done with.
    Complete,
    /// The server is about to stop: another one gets the rest.
    Drained,
}

/// How a stream failed.
pub enum StreamError {
    /// It, or its connection, ended too soon.
    Broken(Status),
    /// Operations FAILED.
    Failed(Status),
    /// Something that another stream would not change.
    Fatal(anyhow::Error),
}

impl From<anyhow::Error> for StreamError {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}
