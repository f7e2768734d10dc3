//! The errors of every store.

use std::time::Duration;

/// What can go wrong with a store, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, or says that it can't serve the request now, which it has not done: worth another try.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The call was interrupted, by a connection that broke or a flush that failed; whether the store acted is not
    /// known. Worth another try.
    #[error("the store is unavailable: the call was interrupted: {0}")]
    Interrupted(String),
    /// It answered that it failed on this request, because of its own state or of what the request holds. Worth another
    /// try, with fewer points at last: one point must not fail its neighbours.
    #[error("the store failed on the request: {0}")]
    Internal(String),
    /// It is overloaded: worth another try, after the time that it asks for.
    #[error("the store is overloaded: {message}")]
    Overloaded { message: String, retry_after: Option<Duration> },
    /// It did not answer in time; whether it acted is not known. Worth another try.
    #[error("the store did not answer in time: {0}")]
    Timeout(String),
    /// There is no such collection.
    #[error("there is no collection `{0}`")]
    CollectionNotFound(String),
    /// The collection is there already.
    #[error("collection `{0}` exists already")]
    AlreadyExists(String),
    /// A new collection can't be as this option of it wants.
    #[error("{message}")]
    InvalidOption { option: &'static str, message: String },
    /// The request is refused for what it holds; the same request will be refused again.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The store wants other credentials.
    #[error("the store denied access: {0}")]
    Denied(String),
    /// The disk or the files of the store are at fault, or it broke its own rules.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether the same request can succeed later.
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

    /// Whether the store may have acted, or may act still: it got the request, as far as is known, and gave no answer
    /// that excludes it. [`Self::Internal`] is one of them: Qdrant answers it too if a node behind it did not answer in
    /// turn, and applies a write that it logged before it failed again later.
    pub fn has_unknown_outcome(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Internal(_) | Self::Timeout(_))
    }

    /// Its kind, as metrics name it.
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

    /// How long the store asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
