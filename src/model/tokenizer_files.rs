//! The files of a tokenizer, and the tokenizer that transformers 5 makes of them.
//!
//! transformers takes `tokenizer.json` as it is only for models without a tokenizer class of their own. For BERT, RoBERTa,
//! XLM-R and CamemBERT it builds the class's tokenizer anew from the vocabulary and `tokenizer_config.json`, and does not
//! read the normalizer, pre-tokenizer and post-processor of `tokenizer.json`. So does this module.
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

/// What a directory says about its tokenizer.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizerFiles {
    directory: PathBuf,
    class: TokenizerClass,
    /// The keys of `tokenizer_config.json`, of `special_tokens_map.json`, which replace them, and of the tokenizer
    /// arguments of the module, which replace both.
    config: Map<String, Value>,
    /// `added_tokens.json`; empty where `config` has `added_tokens_decoder`.
    added_tokens: Map<String, Value>,
    /// Whether text is lower-cased before the tokenizer's own normalizer.
    should_lowercase: bool,
}

/// What a directory's network says about its tokenizer.
#[derive(Debug, Default)]
pub struct TokenizerContext<'a> {
    /// `model_type` and `tokenizer_class` of `config.json`, if there is one.
    pub model_type: Option<&'a str>,
    pub tokenizer_class: Option<&'a str>,
    /// The tokenizer arguments of a Transformer module.
    pub arguments: Map<String, Value>,
    /// `do_lower_case` of a Transformer module.
    pub should_lowercase: bool,
    /// Whether sentence-transformers would put each text into a chat template, if there is one.
    pub applies_chat_template: bool,
}

/// A tokenizer as transformers has it.
pub struct BuiltTokenizer {
    pub inner: Tokenizer,
    /// Whether long texts lose their beginning.
    pub truncates_left: bool,
    /// The keys by which it differs from `tokenizer.json` as it is, which is what version 1 of the fingerprint stands for.
    pub changed_keys: Vec<String>,
}

impl TokenizerFiles {
    /// Reads the small files of a directory.
    ///
    /// # Errors
    /// A file that is not JSON, a key that is refused, or a class that is not supported.
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

    /// Returns the maximum number of tokens that `tokenizer_config.json` or the module's arguments have.
    ///
    /// # Errors
    /// If it is not a number of tokens.
    pub fn max_length(&self) -> Result<Option<usize>, ModelError> {
        let Some(key) = ["model_max_length", "max_len"].into_iter().find(|key| self.config.contains_key(*key)) else {
            return Ok(None);
        };
        let value = self.config.get(key).unwrap_or(&Value::Null);
        parse_max_length(value).map_err(|expected| {
            ModelError::file(&self.directory.join(TOKENIZER_CONFIG), format!("`{key}` is {value}; {expected}"))
        })
    }

    /// The file that problems are told of.
    pub fn path(&self) -> PathBuf {
        let tokenizer = self.directory.join(TOKENIZER);
        let vocabulary = self.directory.join(VOCABULARY);
        if !tokenizer.exists() && vocabulary.exists() { vocabulary } else { tokenizer }
    }

    /// The files that hold its vocabulary.
    pub fn vocabulary_files(&self) -> Vec<PathBuf> {
        vec![self.path()]
    }

    /// Its settings, for a fingerprint.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// The ids of `added_tokens.json` by token, for a fingerprint.
    pub fn added_tokens(&self) -> &Map<String, Value> {
        &self.added_tokens
    }

    /// The class whose tokenizer is built, for a fingerprint.
    pub fn class_name(&self) -> &'static str {
        self.class.name()
    }

    /// Whether the module lower-cases texts.
    pub fn should_lowercase(&self) -> bool {
        self.should_lowercase
    }

    /// Builds the tokenizer.
    ///
    /// # Errors
    /// A file that is missing or damaged, or a class and a vocabulary that don't fit.
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
            source.insert_vocabulary(&mut base);
            let mut inner: Tokenizer = serde_json::from_value(base)?;
            added.add_to(&mut inner)?;
            if let Some(processor) = rebuild::build_post_processor(self.class, &inner, &added)? {
                inner.with_post_processor(Some(serde_json::from_value::<PostProcessorWrapper>(processor)?));
            }
            let split_special_tokens = rebuild::get_bool(&self.config, "split_special_tokens", false)?;
            if let (true, Some(token)) = (split_special_tokens, added.find_named_non_special(&inner)) {
                let problem = format!(
                    "`split_special_tokens` of {TOKENIZER_CONFIG} is on, and `{token}`, which is named as a special token, has \
                     `special: false`; make it special, or turn that off"
                );
                return Err(problem.into());
            }
            inner.set_encode_special_tokens(split_special_tokens);
            // Without tokenizer.json there was no version 1.
            let changed_keys = match path.ends_with(TOKENIZER) {
                true => changes::find_changed_keys(&parts, &model, &inner)?,
                false => Vec::new(),
            };
            Ok((inner, changed_keys))
        });
        let (mut inner, mut changed_keys) = built.map_err(|error| file_error(error.to_string()))?;
        // Texts are cut by the caller, since the library would not say where.
        inner.with_padding(None).with_truncation(None).map_err(|error| file_error(error.to_string()))?;
        if self.should_lowercase {
            prepend_lowercase(&mut inner).map_err(|error| file_error(error.to_string()))?;
            // Version 1 lower-cased special tokens that are written in a text, too.
            changed_keys.push("sentence_bert_config.json: do_lower_case".to_owned());
        }
        let truncates_left = self.parse_truncates_left(&parts).map_err(file_error)?;
        if truncates_left {
            changed_keys.push("tokenizer_config.json: truncation_side".to_owned());
        }
        Ok(BuiltTokenizer { inner, truncates_left, changed_keys })
    }

    /// `tokenizer.json`, or what stands for it where there is only a vocabulary.
    fn read_source(&self, path: &Path) -> Result<Value, ModelError> {
        let file_error = |problem: String| ModelError::file(path, problem);
        if path.file_name().is_some_and(|name| name == VOCABULARY) {
            if self.class != TokenizerClass::Bert {
                return Err(file_error(format!(
                    "a vocab.txt alone is only read for BERT classes, and this is a {}; save the tokenizer as {TOKENIZER}",
                    self.class.name()
                )));
            }
            let bytes =
                files::read_bounded(path, files::MAX_TOKENIZER_BYTES).map_err(|error| file_error(error.to_string()))?;
            return rebuild::build_word_piece_source(&bytes).map_err(|error| file_error(error.to_string()));
        }
        let expected = "expected the model's tokenizer: tokenizer.json, or vocab.txt for BERT classes";
        let bytes = files::read_bounded(path, files::MAX_TOKENIZER_BYTES);
        let bytes = bytes.map_err(|error| file_error(format!("{error}; {expected}")))?;
        // What is cut short is told as such; the library panics on some of it.
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

/// Without modules.json, sentence-transformers writes each text into the tokenizer's chat template.
fn check_chat_template(directory: &Path, config: &Map<String, Value>) -> Result<(), ModelError> {
    let remedy =
        "texts would be written into it, which is not supported; remove it, or save the model with its modules.json";
    for name in CHAT_TEMPLATES {
        let path = directory.join(name);
        if path.exists() {
            return Err(ModelError::file(&path, format!("it is a chat template, and {remedy}")));
        }
    }
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => {
            let path = directory.join(TOKENIZER_CONFIG);
            Err(ModelError::file(&path, format!("`chat_template` is a chat template, and {remedy}")))
        }
    }
}

/// A JSON file that holds an object; empty if there is none.
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
        _ => Err(ModelError::file(path, "it is not a JSON object")),
    }
}

/// Puts a normalizer before the tokenizer's own that lower-cases, unless it has such a one.
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

/// The library trusts its file in many places, and panics where that contradicts itself: that is an error of the file's.
pub fn catch_tokenizer_panic<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    let problem = "the tokenizer contradicts itself; its file may be damaged, fetch it again";
    catch(work).unwrap_or_else(|_| Err(problem.into()))
}
