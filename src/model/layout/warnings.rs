//! What is to be logged of a model's directory.

use std::path::PathBuf;

/// What is to be logged of a directory.
#[derive(Debug, Default)]
pub struct LayoutWarnings {
    /// Keys that no table has.
    pub unknown_keys: Vec<String>,
    /// Files that are not read because there is no `modules.json`.
    pub unread_files: Vec<PathBuf>,
}

impl LayoutWarnings {
    /// Logs each of them once.
    pub fn log(&self, model: &str) {
        if !self.unknown_keys.is_empty() {
            let keys = self.unknown_keys.join(", ");
            tracing::warn!(model, keys, "unknown keys in the model's files; check that they don't change its vectors");
        }
        for file in &self.unread_files {
            tracing::warn!(
                model,
                file = %file.display(),
                "file not read: sentence-transformers reads it only where there is a modules.json"
            );
        }
    }
}
