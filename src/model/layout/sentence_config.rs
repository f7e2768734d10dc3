//! `config_sentence_transformers.json`: settings of the whole model.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::{ModelError, keys};
use crate::types::Role;

const FILE_NAME: &str = "config_sentence_transformers.json";
/// `model_type` of models with sparse vectors.
const SPARSE_ENCODER: &str = "SparseEncoder";

/// Prompts and limits of a model.
#[derive(Debug, Default)]
pub struct SentenceConfig {
    query_prompt: String,
    document_prompt: String,
    /// Maximum number of terms per vector, highest weights first.
    pub max_active_dims: Option<usize>,
}

/// Finds the file in a directory without `modules.json`, where it is ignored.
pub fn find_unread_file(directory: &Path) -> Option<PathBuf> {
    Some(directory.join(FILE_NAME)).filter(|path| path.exists())
}

impl SentenceConfig {
    /// Reads the file of a directory with a `modules.json`.
    ///
    /// # Errors
    /// [`ModelError::File`] if it is not JSON, is missing or for another kind of model, or a key has an
    /// unsupported value.
    pub fn read(directory: &Path, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join(FILE_NAME);
        let file_error = |problem: String| ModelError::file(&path, problem);
        let value = read_optional_json::<Value>(&path)?.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let model_type = value.get("model_type").and_then(Value::as_str).unwrap_or_default();
        if model_type != SPARSE_ENCODER {
            return Err(file_error(format!(
                "`model_type` is `{model_type}`; expected `{SPARSE_ENCODER}` (else an untrained layer is added); \
                 set it to {SPARSE_ENCODER} if the model was trained for sparse vectors"
            )));
        }
        unknown_keys.extend(keys::CONFIG_SENTENCE_TRANSFORMERS.check(&path, &value)?);
        let prompts = value.get("prompts");
        if prompts.is_some_and(|prompts| !prompts.is_object()) {
            return Err(file_error("`prompts` is not an object; expected prompts by name, or remove it".to_owned()));
        }
        let prompt = |name: &str| match prompts.and_then(|prompts| prompts.get(name)) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(prompt)) => Ok(prompt.clone()),
            Some(other) => Err(file_error(format!("`prompts.{name}` is {other}; expected a string"))),
        };
        let default = value.get("default_prompt_name").and_then(Value::as_str);
        let is_known = |name: &str| {
            ["query", "document"].contains(&name) || prompts.is_some_and(|prompts| prompts.get(name).is_some())
        };
        if let Some(name) = default.filter(|name| !is_known(name)) {
            return Err(file_error(format!("`default_prompt_name` is `{name}`, which is not one of `prompts`")));
        }
        let max_active_dims = match value.get("max_active_dims") {
            None | Some(Value::Null) => None,
            Some(number) => {
                let terms = number.as_u64().filter(|&terms| terms > 0).and_then(|terms| usize::try_from(terms).ok());
                let problem = || file_error(format!("`max_active_dims` is {number}; expected a positive integer"));
                Some(terms.ok_or_else(problem)?)
            }
        };
        Ok(Self { query_prompt: prompt("query")?, document_prompt: prompt("document")?, max_active_dims })
    }

    /// Returns the prompt prepended to each text of a role; may be empty.
    pub fn prompt(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query_prompt,
            Role::Document => &self.document_prompt,
        }
    }
}
