//! Error type shared by all stores.

use std::time::Duration;

/// Error of a store operation. The variant determines whether a retry can succeed and whether the write may have been
/// applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable, or answered that it can't serve the request now. The request was not executed. Retryable.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A broken connection or a failed flush interrupted the call; the outcome is unknown. Retryable.
    #[error("the store is unavailable: the call was interrupted: {0}")]
    Interrupted(String),
    /// The store answered that it failed on this request, because of its own state or the request's contents. Retryable;
    /// the writer splits the batch in the end, so that one bad point does not fail the others.
    #[error("the store failed on the request: {0}")]
    Internal(String),
    /// The store is overloaded. Retryable after `retry_after`.
    #[error("the store is overloaded: {message}")]
    Overloaded { message: String, retry_after: Option<Duration> },
    /// The call timed out; the outcome is unknown. Retryable.
    #[error("the store did not answer in time: {0}")]
    Timeout(String),
    /// The collection does not exist.
    #[error("there is no collection `{0}`")]
    CollectionNotFound(String),
    /// A collection or an alias of this name already exists.
    #[error("collection `{0}` already exists")]
    AlreadyExists(String),
    /// The store does not support this value of an option of a new collection.
    #[error("{message}")]
    InvalidOption { option: &'static str, message: String },
    /// The store refused the request because of its contents. Not retryable.
    #[error("the store refused the request: {0}")]
    Refused(String),
    /// The store did not accept the credentials.
    #[error("the store denied access: {0}")]
    Denied(String),
    /// A disk or file error of the store, or a response that violates its protocol. Not retryable.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Returns whether a retry of the request can succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::Interrupted(_)
            | Self::Internal(_)
            | Self::Overloaded { .. }
            | Self::Timeout(_) => true,
            Self::CollectionNotFound(_)
            | Self::AlreadyExists(_)
            | Self::InvalidOption { .. }
            | Self::Refused(_)
            | Self::Denied(_)
            | Self::Failed(_) => false,
        }
    }

    /// Returns whether the store may have executed the request, or may still execute it later.
    ///
    /// Includes [`Self::Internal`]: Qdrant also returns INTERNAL if another node of the cluster did not respond, and it
    /// applies a write later if the failure came after the write was logged.
    pub fn has_unknown_outcome(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Internal(_) | Self::Timeout(_))
    }

    /// Returns the value of the metric label `kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Interrupted(_) => "interrupted",
            Self::Internal(_) => "internal",
            Self::Overloaded { .. } => "overloaded",
            Self::Timeout(_) => "timeout",
            Self::CollectionNotFound(_) => "collection_not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::Refused(_) => "refused",
            Self::InvalidOption { .. } => "invalid_option",
            Self::Denied(_) => "denied",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns the delay that the store requested before the next attempt, if any.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
