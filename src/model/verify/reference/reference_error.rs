//! Errors of the reference encoder.

/// Reason why there is no reference for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    /// Unsupported part of the checkpoint in candle-transformers.
    Unsupported(String),
    /// Unusable weight: the tensor and the reason.
    Damaged(String),
}

impl ReferenceError {
    /// Creates [`Self::Unsupported`] from the first line of an error, since candle appends a backtrace.
    pub(super) fn unsupported(reason: impl ToString) -> Self {
        Self::Unsupported(reason.to_string().lines().next().unwrap_or_default().to_owned())
    }
}
