//! Settings of a `SparseStaticEmbedding` module, read before its weights.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::tokenizer_files::{TokenizerContext, TokenizerFiles};
use super::super::weights::find_weight_files;
use super::super::{ModelError, files, keys};

/// Files of a table of token weights.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticSettings {
    pub directory: PathBuf,
    pub tokenizer: TokenizerFiles,
    /// JSON file of weights by token; `None` if the weights are a tensor.
    pub idf_path: Option<PathBuf>,
}

impl StaticSettings {
    /// Reads the directory of a `SparseStaticEmbedding` in the model's directory `root`.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing or is not JSON, or a key has an unsupported value.
    pub fn read(root: &Path, directory: &Path, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let config = read_optional_json::<Value>(&path)?.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let file_error = |problem: String| ModelError::file(&path, problem);
        // In the root, `config.json` may be that of the transformer.
        let is_shared = directory == root && config.get("model_type").is_some();
        if !is_shared {
            unknown_keys.extend(keys::SPARSE_STATIC_EMBEDDING.check(&path, &config)?);
        }
        let idf_name = match config.get("path") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.ends_with(".json") => Some(name),
            // Like sentence-transformers, only .json files count as weights by token.
            Some(Value::String(_)) => None,
            Some(other) => return Err(file_error(format!("`path` is {other}; expected the name of a .json file"))),
        };
        // sentence-transformers resolves the path against the working directory; published models store the file in the
        // root.
        let idf_path =
            idf_name.map(|name| match (files::resolve_within(directory, name), files::resolve_within(root, name)) {
                (_, Some(in_root)) if in_root.exists() => Ok(in_root),
                (Some(in_module), _) => Ok(in_module),
                _ => Err(file_error(format!("`path` is `{name}`, which is outside the model's directory"))),
            });
        let context = TokenizerContext {
            model_type: config.get("model_type").and_then(Value::as_str),
            ..TokenizerContext::default()
        };
        let tokenizer = TokenizerFiles::read(directory, context, unknown_keys)?;
        Ok(Self { directory: directory.to_owned(), tokenizer, idf_path: idf_path.transpose()? })
    }

    /// Returns the weight files.
    ///
    /// # Errors
    /// [`ModelError::File`] if a shard index is invalid.
    pub fn find_weight_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        match &self.idf_path {
            Some(idf) => Ok(vec![idf.clone()]),
            None => find_weight_files(&self.directory),
        }
    }

    /// Returns the files that version 1 of the fingerprint covers.
    ///
    /// # Errors
    /// [`ModelError::File`] if a shard index is invalid.
    pub fn legacy_fingerprint_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        Ok([self.tokenizer.path()].into_iter().chain(self.find_weight_files()?).collect())
    }
}
