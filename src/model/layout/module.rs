//! Modules of sentence-transformers.

use std::path::{Path, PathBuf};

use super::super::{ModelError, files};

/// Supported modules, for error messages.
pub const SUPPORTED_MODULES: &str =
    "supported: a Transformer (or MLMTransformer) and a SpladePooling, SparseStaticEmbedding, and a Router of these";

/// A module: its directory and its class with the Python package.
#[derive(Debug, Clone)]
pub struct Module {
    pub directory: PathBuf,
    pub class: String,
}

impl Module {
    /// Creates the module that `file` lists with a `path` relative to `directory`.
    ///
    /// # Errors
    /// [`ModelError::File`] if the path leads outside the model's directory.
    pub fn new(directory: &Path, path: &str, class: String, file: &Path) -> Result<Self, ModelError> {
        let directory = files::resolve_within(directory, path);
        let outside = || ModelError::file(file, format!("the module `{path}` is outside the model's directory"));
        Ok(Self { directory: directory.ok_or_else(outside)?, class })
    }

    /// Returns true for `sentence_transformers.models.Router` and `Asym`, its old name.
    pub fn is_router(&self) -> bool {
        matches!(self.class.rsplit('.').next(), Some("Router" | "Asym"))
    }

    /// Returns the class name without the package.
    ///
    /// # Errors
    /// [`ModelError::File`] for `file` if the class is not part of sentence-transformers.
    pub fn class_name(&self, file: &Path) -> Result<&str, ModelError> {
        match self.class.strip_prefix("sentence_transformers.") {
            Some(path) => Ok(path.rsplit('.').next().unwrap_or(path)),
            None if self.class.contains('.') => {
                let problem =
                    format!("module `{}` is custom code, which is never executed; {SUPPORTED_MODULES}", self.class);
                Err(ModelError::file(file, problem))
            }
            None => Ok(&self.class),
        }
    }
}
