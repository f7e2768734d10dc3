//! Construction of a tokenizer from its class, vocabulary and settings, as JSON of the tokenizers library.

use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;

use super::TokenizerClass;
use super::added_tokens::AddedTokens;

/// Word-boundary marker in Unigram vocabularies.
const METASPACE: &str = "▁";

/// Builds the equivalent of `tokenizer.json` from a `vocab.txt`: one token per line, without trailing white space; the
/// last of equal lines wins.
///
/// # Errors
/// If the vocabulary is not UTF-8.
pub fn build_word_piece_source(vocabulary: &[u8]) -> tokenizers::Result<Value> {
    let vocabulary: Map<String, Value> =
        WordPiece::read_bytes(vocabulary)?.into_iter().map(|(token, id)| (token, id.into())).collect();
    Ok(json!({ "model": { "type": "WordPiece", "vocab": vocabulary } }))
}

/// Parts of a `tokenizer.json`. The large parts are separate, so that they are moved and never copied.
pub struct TokenizerSource {
    /// Everything except vocabulary and merges.
    pub parts: Value,
    vocabulary: Value,
    merges: Value,
}

impl TokenizerSource {
    /// Splits a `tokenizer.json` into its parts.
    ///
    /// # Errors
    /// Returns a message if there is no model with a vocabulary.
    pub fn new(mut parts: Value) -> Result<Self, String> {
        let model =
            parts.get_mut("model").and_then(Value::as_object_mut).ok_or("`model` is missing or not an object")?;
        let vocabulary = model.remove("vocab").ok_or("`model.vocab` is missing")?;
        let merges = model.remove("merges").unwrap_or_default();
        Ok(Self { parts, vocabulary, merges })
    }

    /// Inserts vocabulary and merges into the result of [`build_base`].
    pub fn insert_vocabulary(self, base: &mut Value) {
        let Some(model) = base.get_mut("model").and_then(Value::as_object_mut) else { return };
        model.insert("vocab".to_owned(), self.vocabulary);
        if !self.merges.is_null() {
            model.insert("merges".to_owned(), self.merges);
        }
    }
}

/// Builds the tokenizer of a class without vocabulary, added tokens and post-processor; a generic one is
/// `tokenizer.json` unchanged.
///
/// # Errors
/// If the model type does not match the class, or a setting is invalid.
pub fn build_base(
    class: TokenizerClass,
    source: &TokenizerSource,
    config: &Map<String, Value>,
    added: &AddedTokens,
) -> tokenizers::Result<Value> {
    if let Some(expected) = class.expected_model_type() {
        check_model(class, source, expected)?;
    }
    let (model, normalizer, pre_tokenizer) = match class {
        TokenizerClass::Generic => return Ok(source.parts.clone()),
        TokenizerClass::Bert => (
            json!({
                "type": "WordPiece", "unk_token": require_token(added, "unk_token")?, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
            }),
            json!({
                "type": "BertNormalizer", "clean_text": true,
                "handle_chinese_chars": get_bool(config, "tokenize_chinese_chars", true)?,
                "strip_accents": get_optional_bool(config, "strip_accents")?,
                "lowercase": get_bool(config, "do_lower_case", true)?,
            }),
            json!({ "type": "BertPreTokenizer" }),
        ),
        TokenizerClass::Roberta => (
            json!({
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            }),
            Value::Null,
            json!({
                "type": "ByteLevel", "add_prefix_space": get_bool(config, "add_prefix_space", false)?,
                "trim_offsets": true, "use_regex": true,
            }),
        ),
        TokenizerClass::XlmRoberta => (build_unigram(3), find_character_map(&source.parts), build_metaspace(config)?),
        TokenizerClass::Camembert => {
            let unknown = require_token(added, "unk_token")?;
            let tokens = source.vocabulary.as_array().into_iter().flatten();
            let id = tokens.map(|entry| entry.get(0)).position(|token| token.and_then(Value::as_str) == Some(unknown));
            (build_unigram(id.unwrap_or_default()), find_character_map(&source.parts), build_metaspace(config)?)
        }
    };
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": null, "model": model,
    }))
}

/// Builds the post-processor that adds the special tokens of a class; `None` for a generic tokenizer, which has its
/// own.
///
/// # Errors
/// If a required special token is missing.
pub fn build_post_processor(
    class: TokenizerClass,
    tokenizer: &Tokenizer,
    added: &AddedTokens,
) -> tokenizers::Result<Option<Value>> {
    let (first, last) = match class {
        TokenizerClass::Generic => return Ok(None),
        TokenizerClass::Bert | TokenizerClass::Roberta => ("cls_token", "sep_token"),
        TokenizerClass::XlmRoberta | TokenizerClass::Camembert => ("bos_token", "eos_token"),
    };
    let token = |name: &str| -> tokenizers::Result<(String, u32)> {
        let content = require_token(added, name)?;
        let unknown = || added.token_content("unk_token").and_then(|unknown| tokenizer.token_to_id(unknown));
        let id = tokenizer.token_to_id(content).or_else(unknown);
        Ok((content.to_owned(), id.ok_or_else(|| format!("`{content}` (`{name}`) is missing in the vocabulary"))?))
    };
    let ((first, first_id), (last, last_id)) = (token(first)?, token(last)?);
    if class == TokenizerClass::Roberta {
        return Ok(Some(json!({
            "type": "RobertaProcessing", "sep": [last, last_id], "cls": [first, first_id], "trim_offsets": true,
            "add_prefix_space": false,
        })));
    }
    let special = |content: &str| json!({ "SpecialToken": { "id": content, "type_id": 0 } });
    let text = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    let entry = |content: &str, id: u32| json!({ "id": content, "ids": [id], "tokens": [content] });
    let mut special_tokens = Map::new();
    special_tokens.insert(first.clone(), entry(&first, first_id));
    special_tokens.insert(last.clone(), entry(&last, last_id));
    Ok(Some(json!({
        "type": "TemplateProcessing",
        "single": [special(&first), text("A"), special(&last)],
        "pair": [special(&first), text("A"), special(&last), text("B"), special(&last)],
        "special_tokens": special_tokens,
    })))
}

/// Returns a boolean setting, or `default` if it is missing or null.
///
/// # Errors
/// Returns a message if the value is not a boolean.
pub fn get_bool(config: &Map<String, Value>, key: &str, default: bool) -> Result<bool, String> {
    get_optional_bool(config, key).map(|value| value.unwrap_or(default))
}

fn get_optional_bool(config: &Map<String, Value>, key: &str) -> Result<Option<bool>, String> {
    match config.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(format!("`{key}` of tokenizer_config.json is {other}; expected true or false")),
    }
}

fn require_token<'a>(added: &'a AddedTokens, name: &str) -> Result<&'a str, String> {
    added.token_content(name).ok_or_else(|| format!("`{name}` of tokenizer_config.json is null; set the token"))
}

/// Checks that `tokenizer.json` has the model type of the class. Old files lack the type, so it is inferred.
fn check_model(class: TokenizerClass, source: &TokenizerSource, expected: &str) -> Result<(), String> {
    let kind = match source.parts.pointer("/model/type").and_then(Value::as_str) {
        Some(kind) => kind,
        None if !source.merges.is_null() => "BPE",
        None if source.vocabulary.is_array() => "Unigram",
        None => "WordPiece",
    };
    if kind == expected {
        return Ok(());
    }
    Err(format!(
        "the tokenizer model is {kind}, expected {expected} for {}; set `tokenizer_class` in tokenizer_config.json to \
         PreTrainedTokenizerFast if the model was trained with this tokenizer",
        class.name()
    ))
}

fn build_unigram(unknown: usize) -> Value {
    json!({ "type": "Unigram", "unk_id": unknown, "byte_fallback": false })
}

/// Returns sentencepiece's character map, if `tokenizer.json` has one.
fn find_character_map(source: &Value) -> Value {
    let normalizer = source.get("normalizer").unwrap_or(&Value::Null);
    let is_map = |normalizer: &&Value| normalizer.get("type").and_then(Value::as_str) == Some("Precompiled");
    match normalizer.get("normalizers").and_then(Value::as_array) {
        Some(list) => list.iter().find(is_map).cloned().unwrap_or_default(),
        None => Some(normalizer).filter(is_map).cloned().unwrap_or_default(),
    }
}

fn build_metaspace(config: &Map<String, Value>) -> Result<Value, String> {
    // A missing key means true, but null is false in Python.
    let is_default = !config.contains_key("add_prefix_space");
    let scheme = if get_bool(config, "add_prefix_space", is_default)? { "always" } else { "never" };
    Ok(json!({
        "type": "Sequence",
        "pretokenizers": [
            { "type": "WhitespaceSplit" },
            { "type": "Metaspace", "replacement": METASPACE, "prepend_scheme": scheme, "split": true },
        ],
    }))
}
