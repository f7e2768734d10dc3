//! Tokenizer files, and the tokenizer that transformers 5 builds from them.
//!
//! transformers uses `tokenizer.json` unchanged only for models without their own tokenizer class. For BERT, RoBERTa,
//! XLM-R and CamemBERT it rebuilds the tokenizer of the class from the vocabulary and `tokenizer_config.json`, and
//! ignores the normalizer, pre-tokenizer and post-processor of `tokenizer.json`. This module does the same.
//!
//! See docs/adr/0020-tokenizer-of-transformers-5.md.

mod added_tokens;
mod changes;
mod class;
mod rebuild;

use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};
use tokenizers::{PostProcessorWrapper, Tokenizer};

use super::ModelError;
use super::files;
use super::json_file::read_optional_json;
use super::keys;
use super::max_length::parse_max_length;
use crate::panics::catch;
use added_tokens::AddedTokens;
use class::TokenizerClass;
use rebuild::TokenizerSource;

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
const ADDED_TOKENS: &str = "added_tokens.json";
const VOCABULARY: &str = "vocab.txt";
const CHAT_TEMPLATES: [&str; 2] = ["chat_template.jinja", "additional_chat_templates"];

/// Tokenizer settings of a directory.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizerFiles {
    directory: PathBuf,
    class: TokenizerClass,
    /// Merged keys of `tokenizer_config.json`, `special_tokens_map.json` and the module's tokenizer arguments, in
    /// ascending precedence.
    config: Map<String, Value>,
    /// Content of `added_tokens.json`; empty if `config` has `added_tokens_decoder`.
    added_tokens: Map<String, Value>,
    /// Whether texts are lower-cased before the tokenizer's own normalizer.
    should_lowercase: bool,
}

/// Settings outside the tokenizer files that affect the tokenizer.
#[derive(Debug, Default)]
pub struct TokenizerContext<'a> {
    /// `model_type` of `config.json`, if there is one.
    pub model_type: Option<&'a str>,
    /// `tokenizer_class` of `config.json`.
    pub tokenizer_class: Option<&'a str>,
    /// Tokenizer arguments of a Transformer module.
    pub arguments: Map<String, Value>,
    /// `do_lower_case` of a Transformer module.
    pub should_lowercase: bool,
    /// True if sentence-transformers would apply a chat template to each text.
    pub applies_chat_template: bool,
}

/// Tokenizer equivalent to the one of transformers.
pub struct BuiltTokenizer {
    pub inner: Tokenizer,
    /// True if long texts are truncated at their beginning.
    pub truncates_left: bool,
    /// Keys by which it differs from the unchanged `tokenizer.json`, which version 1 of the fingerprint identifies.
    pub changed_keys: Vec<String>,
}

impl TokenizerFiles {
    /// Reads the configuration files of a directory.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is not JSON, a key has an unsupported value, or the class is not supported.
    pub fn read(
        directory: &Path,
        context: TokenizerContext<'_>,
        unknown_keys: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        let path = directory.join(TOKENIZER_CONFIG);
        let mut config = read_object(&path, unknown_keys, Some(&keys::TOKENIZER_CONFIG))?;
        let class_name = config.get("tokenizer_class").and_then(Value::as_str).or(context.tokenizer_class);
        let class = TokenizerClass::resolve(context.model_type, class_name)
            .map_err(|problem| ModelError::file(&path, problem))?;
        if context.applies_chat_template {
            check_chat_template(directory, &config)?;
        }
        config.extend(context.arguments.clone());
        let mut added_tokens = Map::new();
        if !config.contains_key("added_tokens_decoder") {
            let path = directory.join(SPECIAL_TOKENS_MAP);
            let map = read_object(&path, unknown_keys, Some(&keys::SPECIAL_TOKENS_MAP))?;
            added_tokens::merge_special_tokens_map(&mut config, map, &context.arguments)
                .map_err(|problem| ModelError::file(&path, problem))?;
            added_tokens = read_object(&directory.join(ADDED_TOKENS), unknown_keys, None)?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            class,
            config,
            added_tokens,
            should_lowercase: context.should_lowercase,
        })
    }

    /// Returns the maximum number of tokens set by `tokenizer_config.json` or the module's arguments.
    ///
    /// # Errors
    /// [`ModelError::File`] if the value is invalid.
    pub fn max_length(&self) -> Result<Option<usize>, ModelError> {
        let Some(key) = ["model_max_length", "max_len"].into_iter().find(|key| self.config.contains_key(*key)) else {
            return Ok(None);
        };
        let value = self.config.get(key).unwrap_or(&Value::Null);
        parse_max_length(value).map_err(|expected| {
            ModelError::file(&self.directory.join(TOKENIZER_CONFIG), format!("`{key}` is {value}; {expected}"))
        })
    }

    /// Path of the tokenizer file, also used in error messages: `tokenizer.json`, or `vocab.txt` if only that exists.
    pub fn path(&self) -> PathBuf {
        let tokenizer = self.directory.join(TOKENIZER);
        let vocabulary = self.directory.join(VOCABULARY);
        if !tokenizer.exists() && vocabulary.exists() { vocabulary } else { tokenizer }
    }

    /// Files of the vocabulary.
    pub fn vocabulary_files(&self) -> Vec<PathBuf> {
        vec![self.path()]
    }

    /// Merged settings, for fingerprints.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// Ids of `added_tokens.json` by token, for fingerprints.
    pub fn added_tokens(&self) -> &Map<String, Value> {
        &self.added_tokens
    }

    /// Name of the tokenizer class, for fingerprints.
    pub fn class_name(&self) -> &'static str {
        self.class.name()
    }

    /// Returns whether the module lower-cases texts.
    pub fn should_lowercase(&self) -> bool {
        self.should_lowercase
    }

    /// Builds the tokenizer.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing or damaged, or the vocabulary does not match the class.
    pub fn build(&self) -> Result<BuiltTokenizer, ModelError> {
        let path = self.path();
        let file_error = |problem: String| ModelError::file(&path, problem);
        let source = TokenizerSource::new(self.read_source(&path)?).map_err(file_error)?;
        let parts = source.parts.clone();
        let added = AddedTokens::new(self.class, &self.config, &self.added_tokens, &parts);
        let added = added.map_err(|problem| ModelError::file(&self.directory.join(TOKENIZER_CONFIG), problem))?;
        let built = catch_tokenizer_panic(|| {
            let mut base = rebuild::build_base(self.class, &source, &self.config, &added)?;
            let model = base.get("model").cloned().unwrap_or_default();
            // After the copy of `model` above, which therefore does not contain the large vocabulary.
            source.insert_vocabulary(&mut base);
            let mut inner: Tokenizer = serde_json::from_value(base)?;
            added.add_to(&mut inner)?;
            if let Some(processor) = rebuild::build_post_processor(self.class, &inner, &added)? {
                inner.with_post_processor(Some(serde_json::from_value::<PostProcessorWrapper>(processor)?));
            }
            let split_special_tokens = rebuild::get_bool(&self.config, "split_special_tokens", false)?;
            if let (true, Some(token)) = (split_special_tokens, added.find_named_non_special(&inner)) {
                let problem = format!(
                    "`split_special_tokens` of {TOKENIZER_CONFIG} is true, but the special token `{token}` has \
                     `special: false`; set one of the two to the other value"
                );
                return Err(problem.into());
            }
            inner.set_encode_special_tokens(split_special_tokens);
            // Version 1 of the fingerprint does not exist for models without tokenizer.json.
            let changed_keys = match path.ends_with(TOKENIZER) {
                true => changes::find_changed_keys(&parts, &model, &inner)?,
                false => Vec::new(),
            };
            Ok((inner, changed_keys))
        });
        let (mut inner, mut changed_keys) = built.map_err(|error| file_error(error.to_string()))?;
        // The caller truncates texts, because the library does not report where it truncated.
        inner.with_padding(None).with_truncation(None).map_err(|error| file_error(error.to_string()))?;
        if self.should_lowercase {
            prepend_lowercase(&mut inner).map_err(|error| file_error(error.to_string()))?;
            // Earlier builds also lower-cased special tokens within a text.
            changed_keys.push("sentence_bert_config.json: do_lower_case".to_owned());
        }
        let truncates_left = self.parse_truncates_left(&parts).map_err(file_error)?;
        if truncates_left {
            changed_keys.push("tokenizer_config.json: truncation_side".to_owned());
        }
        Ok(BuiltTokenizer { inner, truncates_left, changed_keys })
    }

    /// Reads `tokenizer.json`, or builds its equivalent from a `vocab.txt`.
    fn read_source(&self, path: &Path) -> Result<Value, ModelError> {
        let file_error = |problem: String| ModelError::file(path, problem);
        if path.file_name().is_some_and(|name| name == VOCABULARY) {
            if self.class != TokenizerClass::Bert {
                return Err(file_error(format!(
                    "vocab.txt alone is only supported for BERT classes, not for {}; save the tokenizer as {TOKENIZER}",
                    self.class.name()
                )));
            }
            let bytes =
                files::read_bounded(path, files::MAX_TOKENIZER_BYTES).map_err(|error| file_error(error.to_string()))?;
            return rebuild::build_word_piece_source(&bytes).map_err(|error| file_error(error.to_string()));
        }
        let expected = "expected the tokenizer as tokenizer.json, or as vocab.txt for BERT classes";
        let bytes = files::read_bounded(path, files::MAX_TOKENIZER_BYTES);
        let bytes = bytes.map_err(|error| file_error(format!("{error}; {expected}")))?;
        // Parsing the JSON separately reports truncated files; the library panics on some of them.
        let _: IgnoredAny = serde_json::from_slice(&bytes).map_err(|error| file_error(error.to_string()))?;
        let source: Value = serde_json::from_slice(&bytes).map_err(|error| file_error(error.to_string()))?;
        keys::TOKENIZER.check(path, &source)?;
        Ok(source)
    }

    fn parse_truncates_left(&self, source: &Value) -> Result<bool, String> {
        let truncation_side = match self.config.get("truncation_side") {
            Some(side) => side.as_str().map(str::to_lowercase),
            None => source.pointer("/truncation/direction").and_then(Value::as_str).map(str::to_lowercase),
        };
        match truncation_side.as_deref() {
            None | Some("right") => Ok(false),
            Some("left") => Ok(true),
            Some(other) => Err(format!("`truncation_side` is `{other}`; expected left or right")),
        }
    }
}

/// Refuses chat templates: without modules.json, sentence-transformers applies the tokenizer's chat template to each
/// text.
fn check_chat_template(directory: &Path, config: &Map<String, Value>) -> Result<(), ModelError> {
    let remedy = "chat templates for texts are not supported; remove it, or save the model with its modules.json";
    for name in CHAT_TEMPLATES {
        let path = directory.join(name);
        if path.exists() {
            return Err(ModelError::file(&path, format!("chat template found; {remedy}")));
        }
    }
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => {
            let path = directory.join(TOKENIZER_CONFIG);
            Err(ModelError::file(&path, format!("`chat_template` is set; {remedy}")))
        }
    }
}

/// Reads a JSON file with an object; empty if the file does not exist.
fn read_object(
    path: &Path,
    unknown_keys: &mut Vec<String>,
    table: Option<&keys::KeyTable>,
) -> Result<Map<String, Value>, ModelError> {
    let Some(value) = read_optional_json::<Value>(path)? else { return Ok(Map::new()) };
    if let Some(table) = table {
        unknown_keys.extend(table.check(path, &value)?);
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(ModelError::file(path, "expected a JSON object")),
    }
}

/// Prepends a lower-casing normalizer to the tokenizer's own, unless it already has one.
fn prepend_lowercase(tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
    let is_lowercase = |normalizer: &NormalizerWrapper| matches!(normalizer, NormalizerWrapper::Lowercase(_));
    let normalizers = match tokenizer.get_normalizer() {
        None => Vec::new(),
        Some(NormalizerWrapper::Sequence(sequence)) => sequence.as_ref().to_vec(),
        Some(normalizer) => vec![normalizer.clone()],
    };
    if normalizers.iter().any(is_lowercase) {
        return Ok(());
    }
    let lower_case = NormalizerWrapper::Lowercase(Lowercase);
    let sequence = Sequence::new(std::iter::once(lower_case).chain(normalizers).collect());
    tokenizer.with_normalizer(Some(sequence))?;
    Ok(())
}

/// Converts a panic of the tokenizers library into an error. The library trusts its file in many places and panics if
/// it is inconsistent.
pub fn catch_tokenizer_panic<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    let problem = "the tokenizer file is inconsistent and may be damaged; download it again";
    catch(work).unwrap_or_else(|_| Err(problem.into()))
}
