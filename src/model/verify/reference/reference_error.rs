//! Why there is no reference.

/// Why there is no reference for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    /// candle-transformers can't express the checkpoint: which part of it.
    Unsupported(String),
    /// A weight is not usable: which tensor and why.
    Damaged(String),
}

impl ReferenceError {
    /// Takes the first line of an error: candle appends a backtrace.
    pub(super) fn unsupported(reason: impl ToString) -> Self {
        Self::Unsupported(reason.to_string().lines().next().unwrap_or_default().to_owned())
    }
}
