//! Errors of loading a model.

use std::path::{Path, PathBuf};

/// Error of loading a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Missing, invalid or unsupported file; `problem` names the expectation and the remedy.
    #[error("{path}: {problem}", path = path.display())]
    File { path: PathBuf, problem: String },
    /// Failed test encoding at load.
    #[error("the model cannot encode: {0}; the weights may be damaged, download them again")]
    Unusable(String),
    /// Unavailable device, or an unsupported combination of device and dtype.
    #[error("{0}")]
    Device(String),
}

impl ModelError {
    /// Creates the error for one file: what was found and what was expected.
    pub fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_owned(), problem: problem.to_string() }
    }
}
