//! Warnings about a model directory.

use std::path::PathBuf;

/// Warnings to log when a model is loaded.
#[derive(Debug, Default)]
pub struct LayoutWarnings {
    /// Keys without an entry in the key tables.
    pub unknown_keys: Vec<String>,
    /// Files that are ignored because there is no `modules.json`.
    pub unread_files: Vec<PathBuf>,
}

impl LayoutWarnings {
    /// Logs each warning once.
    pub fn log(&self, model: &str) {
        if !self.unknown_keys.is_empty() {
            let keys = self.unknown_keys.join(", ");
            tracing::warn!(model, keys, "unknown keys in model files; check that they do not affect vectors");
        }
        for file in &self.unread_files {
            tracing::warn!(
                model,
                file = %file.display(),
                "model file ignored: sentence-transformers reads it only if there is a modules.json"
            );
        }
    }
}
