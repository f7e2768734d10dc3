//! Arguments of a Transformer module: `sentence_bert_config.json`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::files::MODULE_ARGUMENT_FILES as FILES;
use super::super::json_file::read_optional_json;
use super::super::max_length::{MaxLength, parse_max_length};
use super::super::tokenizer_files::TokenizerFiles;
use super::super::{ModelError, keys};
use super::family::Family;
use super::settings::TransformerSettings;
use crate::types::Role;

/// Task of a module with a masked-language-model head.
const FILL_MASK: &str = "fill-mask";

/// Constructor arguments of a Transformer module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModuleArguments {
    path: PathBuf,
    values: Map<String, Value>,
}

impl ModuleArguments {
    /// Reads the file of a module. `default_task` is the default task of its class.
    ///
    /// # Errors
    /// [`ModelError::File`] if the file is not JSON, a key has an unsupported value, or the task is not masked language
    /// modelling.
    pub fn read(directory: &Path, default_task: &str, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let mut arguments = Self { path: directory.join(FILES[0]), values: Map::new() };
        for path in FILES.map(|name| directory.join(name)) {
            let Some(value) = read_optional_json::<Value>(&path)? else { continue };
            unknown_keys.extend(keys::TRANSFORMER.check(&path, &value)?);
            match value {
                Value::Object(values) if !values.is_empty() => {
                    arguments = Self { path, values };
                    break;
                }
                _ => {}
            }
        }
        let task = match arguments.values.get("transformer_task") {
            None => default_task,
            Some(task) => task.as_str().unwrap_or_default(),
        };
        if task != FILL_MASK {
            return Err(arguments.file_error(format!(
                "`transformer_task` is `{task}`; expected `{FILL_MASK}`, which predicts a logit per vocabulary term"
            )));
        }
        arguments.check_tokenizer_arguments(unknown_keys)?;
        arguments.check_truncation()?;
        Ok(arguments)
    }

    /// Finds a file that is ignored because there is no `modules.json`.
    pub fn find_unread_file(directory: &Path) -> Option<PathBuf> {
        FILES.map(|name| directory.join(name)).into_iter().find(|path| path.exists())
    }

    fn file_error(&self, problem: impl ToString) -> ModelError {
        ModelError::file(&self.path, problem)
    }

    fn check_tokenizer_arguments(&self, unknown_keys: &mut Vec<String>) -> Result<(), ModelError> {
        for name in ["tokenizer_args", "processor_kwargs"] {
            if let Some(arguments) = self.values.get(name).filter(|value| !value.is_null()) {
                let found = keys::PROCESSOR_CONFIG.check(&self.path, arguments)?;
                unknown_keys.extend(found.into_iter().map(|key| format!("{name}.{key}")));
            }
        }
        Ok(())
    }

    /// Refuses null, which turns truncation off.
    fn check_truncation(&self) -> Result<(), ModelError> {
        let processing = self.values.get("processing_kwargs");
        for part in ["text", "common"] {
            let part_values = processing.and_then(|values| values.get(part));
            if part_values.and_then(|values| values.get("truncation")).is_some_and(Value::is_null) {
                return Err(self.file_error(format!(
                    "`processing_kwargs.{part}.truncation` is null, which turns truncation off; remove it, and use \
                     LONG_TEXT_WINDOW to encode whole texts"
                )));
            }
        }
        Ok(())
    }

    /// Returns the arguments of the tokenizer. The old name `tokenizer_args` takes precedence over `processor_kwargs`.
    ///
    /// # Errors
    /// [`ModelError::File`] if `max_seq_length` is invalid.
    pub fn tokenizer_arguments(&self) -> Result<Map<String, Value>, ModelError> {
        let raw_arguments = ["tokenizer_args", "processor_kwargs"].iter().find_map(|name| self.values.get(*name));
        let mut arguments = raw_arguments.and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(length) = self.parse_length_at("/max_seq_length")?.flatten()
            && !arguments.contains_key("model_max_length")
        {
            arguments.insert("model_max_length".to_owned(), length.into());
        }
        Ok(arguments)
    }

    /// Returns whether texts are lower-cased before the tokenizer's own normalizer.
    ///
    /// # Errors
    /// [`ModelError::File`] if `do_lower_case` is neither true nor false.
    pub fn should_lowercase(&self) -> Result<bool, ModelError> {
        match self.values.get("do_lower_case") {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(self.file_error(format!("`do_lower_case` is {other}; expected true or false"))),
        }
    }

    /// Returns the maximum number of tokens of a role's texts, including special tokens, with the precedence of
    /// sentence-transformers; limited by the number of positions.
    ///
    /// # Errors
    /// [`ModelError::File`] if a length is invalid or too small for a text.
    pub fn max_length(
        &self,
        role: Role,
        files: &TokenizerFiles,
        settings: &TransformerSettings,
    ) -> Result<MaxLength, ModelError> {
        let role_pointer = match role {
            Role::Query => "/query_length",
            Role::Document => "/document_length",
        };
        let mut found = None;
        // A null in processing_kwargs also overrides the length of the role.
        for pointer in ["/processing_kwargs/common/max_length", "/processing_kwargs/text/max_length"] {
            if let Some(length) = self.parse_length_at(pointer)? {
                found = Some((length, pointer));
                break;
            }
        }
        if found.is_none() {
            found = self.parse_length_at(role_pointer)?.filter(Option::is_some).map(|length| (length, role_pointer));
        }
        let length = match found {
            Some((Some(length), pointer)) => {
                let file = self.path.file_name().unwrap_or_default().to_string_lossy();
                let key = pointer.trim_start_matches('/').replace('/', ".");
                MaxLength { tokens: Some(length), source_key: format!("{file}: {key}") }
            }
            _ => self.model_max_length(files, settings)?,
        };
        let requested = length.tokens.unwrap_or(usize::MAX);
        // ModernBERT has no position table, so longer texts would be encoded; the other families fail on them and are
        // limited below.
        if settings.config.class.family == Family::ModernBert && requested > settings.max_positions {
            return Err(self.file_error(format!(
                "`{}` exceeds `max_position_embeddings` of config.json, which is {}; lower the former or raise the latter",
                length.source_key, settings.max_positions
            )));
        }
        let tokens = requested.min(settings.max_positions);
        // Two special tokens and at least one token of the text.
        if tokens < 3 {
            let source = &length.source_key;
            let problem = format!(
                "the maximum length is {tokens} (`{source}`); expected at least 3: two special tokens and one of the text"
            );
            return Err(ModelError::file(&settings.directory, problem));
        }
        Ok(MaxLength { tokens: Some(tokens), ..length })
    }

    /// Returns the limit of the tokenizer, which is capped at `max_position_embeddings` unless it comes from the module
    /// arguments.
    fn model_max_length(
        &self,
        files: &TokenizerFiles,
        settings: &TransformerSettings,
    ) -> Result<MaxLength, ModelError> {
        let arguments = self.tokenizer_arguments()?;
        let tokenizer_limit = files.max_length()?;
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        if arguments.contains_key("model_max_length") {
            let is_argument = ["tokenizer_args", "processor_kwargs"].iter().any(|name| {
                self.values.get(*name).is_some_and(|arguments| arguments.get("model_max_length").is_some())
            });
            let key = if is_argument { "tokenizer_args.model_max_length" } else { "max_seq_length" };
            return Ok(MaxLength { tokens: tokenizer_limit, source_key: format!("{file}: {key}") });
        }
        let positions = settings.config.get_size("max_position_embeddings")?;
        Ok(match tokenizer_limit {
            Some(limit) if limit <= positions => {
                MaxLength { tokens: Some(limit), source_key: "tokenizer_config.json: model_max_length".to_owned() }
            }
            _ => MaxLength { tokens: Some(positions), source_key: "config.json: max_position_embeddings".to_owned() },
        })
    }

    /// Parses a length by its JSON pointer: the outer `None` is a missing key, the inner one a null.
    fn parse_length_at(&self, pointer: &str) -> Result<Option<Option<usize>>, ModelError> {
        let mut value = self.values.get(pointer.split('/').nth(1).unwrap_or_default());
        for name in pointer.split('/').skip(2) {
            value = value.and_then(|value| value.get(name));
        }
        let Some(value) = value else { return Ok(None) };
        let key = pointer.trim_start_matches('/').replace('/', ".");
        parse_max_length(value).map(Some).map_err(|expected| self.file_error(format!("`{key}` is {value}; {expected}")))
    }
}
