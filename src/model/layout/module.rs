//! The modules of sentence-transformers that a model is made of.

use std::path::{Path, PathBuf};

use super::super::{ModelError, files};

/// The modules that are supported, for messages.
pub const SUPPORTED_MODULES: &str =
    "supported: a Transformer (or MLMTransformer) and a SpladePooling, SparseStaticEmbedding, and a Router of these";

/// A module: its directory, and its class with the path of its Python package.
#[derive(Debug, Clone)]
pub struct Module {
    pub directory: PathBuf,
    pub class: String,
}

impl Module {
    /// Finds the module that `file` lists under `path`, in `directory`.
    ///
    /// # Errors
    /// If it is outside the model's directory.
    pub fn new(directory: &Path, path: &str, class: String, file: &Path) -> Result<Self, ModelError> {
        let directory = files::resolve_within(directory, path);
        let outside = || ModelError::file(file, format!("the module `{path}` is outside the model's directory"));
        Ok(Self { directory: directory.ok_or_else(outside)?, class })
    }

    /// Whether it is `Router` of `sentence_transformers.models.Router`; `Asym` is its old name.
    pub fn is_router(&self) -> bool {
        matches!(self.class.rsplit('.').next(), Some("Router" | "Asym"))
    }

    /// Returns the name of its class without that of the package.
    ///
    /// # Errors
    /// If the class is not one of sentence-transformers: a problem of `file`.
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
