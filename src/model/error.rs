//! What can be wrong with a model's files.

use std::path::{Path, PathBuf};

/// Why a model can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{path}: {problem}", path = path.display())]
    File { path: PathBuf, problem: String },
    #[error("the model can't encode: {0}; its weights may be damaged, fetch them again")]
    Unusable(String),
    #[error("{0}")]
    Device(String),
}

impl ModelError {
    /// A problem with one file: what was found and what was expected.
    pub fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_owned(), problem: problem.to_string() }
    }
}
