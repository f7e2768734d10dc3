//! How a tokenizer differs from what earlier builds took `tokenizer.json` for.
//!
//! They followed `tokenizer.json` alone. Version 1 of the fingerprint stands for that, so it is only accepted where the
//! tokenizer is still the same.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokenizers::{
    Encoding, NormalizerWrapper, PostProcessor as _, PostProcessorWrapper, PreTokenizerWrapper, Token, Tokenizer,
};

use super::added_tokens::{described, is_same};

/// Keys by which `tokenizer`, whose model is `model`, differs from `source`, the parts of a `tokenizer.json`, as it is.
/// Vocabularies and merges are in neither, since they are always those of the file.
///
/// # Errors
/// If a part of `source` is unusable by itself.
pub fn between(source: &Value, model: &Value, tokenizer: &Tokenizer) -> tokenizers::Result<Vec<String>> {
    let mut changes = Vec::new();
    let normalizer = part::<NormalizerWrapper>(source, "normalizer")?;
    let normalizers = (to_json(&normalizer)?, to_json(&tokenizer.get_normalizer())?);
    if normalizers.0 != normalizers.1 {
        changes.extend(normalizer_keys(&normalizers.0, &normalizers.1));
    }
    let pre_tokenizer = part::<PreTokenizerWrapper>(source, "pre_tokenizer")?;
    if matching(to_json(&pre_tokenizer)?) != matching(to_json(&tokenizer.get_pre_tokenizer())?) {
        changes.push("tokenizer_config.json: add_prefix_space (tokenizer.json: pre_tokenizer)".to_owned());
    }
    let post_processor = part::<PostProcessorWrapper>(source, "post_processor")?;
    if around(post_processor.as_ref())? != around(tokenizer.get_post_processor())? {
        changes.push("tokenizer.json: post_processor".to_owned());
    }
    let before = source.get("model").unwrap_or(&Value::Null);
    if settings_of(before) != settings_of(model) {
        changes.push("tokenizer.json: model".to_owned());
    }
    let before = source.get("added_tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let now = tokenizer.get_added_tokens_decoder();
    let is_kept = |token: &Value| {
        let id = token.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let own = id.and_then(|id| now.get(&id));
        own.zip(described(token, None)).is_some_and(|(own, token)| is_same(own, &token.into_token(false)))
    };
    if before.len() != now.len() || !before.iter().all(is_kept) {
        changes.push("tokenizer_config.json: added_tokens_decoder (or special tokens of another file)".to_owned());
    }
    if tokenizer.get_encode_special_tokens() {
        changes.push("tokenizer_config.json: split_special_tokens".to_owned());
    }
    Ok(changes)
}

fn part<T: DeserializeOwned>(source: &Value, name: &str) -> tokenizers::Result<Option<T>> {
    Ok(serde_json::from_value(source.get(name).cloned().unwrap_or_default())?)
}

fn to_json(part: &impl Serialize) -> tokenizers::Result<Value> {
    Ok(serde_json::to_value(part)?)
}

/// The keys of `tokenizer_config.json` that stand for the fields of BERT's normalizer.
fn normalizer_keys(before: &Value, now: &Value) -> Vec<String> {
    let is_bert = |normalizer: &Value| normalizer.get("type").and_then(Value::as_str) == Some("BertNormalizer");
    if !is_bert(before) || !is_bert(now) {
        return vec!["tokenizer.json: normalizer".to_owned()];
    }
    // By default accents go where letters become small.
    let strips = |normalizer: &Value| {
        let own = normalizer.get("strip_accents").and_then(Value::as_bool);
        Some(own.unwrap_or_else(|| normalizer.get("lowercase").and_then(Value::as_bool).unwrap_or_default()))
    };
    let field = |name: &'static str| move |normalizer: &Value| normalizer.get(name).and_then(Value::as_bool);
    let mut keys = Vec::new();
    let mut compare = |key: &str, is_changed: bool| {
        if is_changed {
            keys.push(format!("tokenizer_config.json: {key}"));
        }
    };
    compare("do_lower_case", field("lowercase")(before) != field("lowercase")(now));
    compare("strip_accents", strips(before) != strips(now));
    let chinese = field("handle_chinese_chars");
    compare("tokenize_chinese_chars", chinese(before) != chinese(now));
    let cleans = field("clean_text");
    if cleans(before) != cleans(now) {
        keys.push("tokenizer.json: normalizer.clean_text".to_owned());
    }
    keys
}

/// A pre-tokenizer without what only moves the reported positions.
fn matching(mut pre_tokenizer: Value) -> Value {
    if let Some(object) = pre_tokenizer.as_object_mut() {
        object.remove("trim_offsets");
    }
    pre_tokenizer
}

/// What a post-processor makes of texts of no, one and two tokens.
fn around(processor: Option<&PostProcessorWrapper>) -> tokenizers::Result<Vec<Vec<u32>>> {
    let processed = (0..3).map(|length| {
        let tokens = (0..length).map(|_| Token::new(0, String::new(), (0, 0))).collect();
        let encoding = Encoding::from_tokens(tokens, 0);
        let encoding = match processor {
            Some(processor) => processor.process(encoding, None, true)?,
            None => encoding,
        };
        Ok(encoding.get_ids().to_vec())
    });
    processed.collect()
}

/// A model's settings, without those that have the library's default.
fn settings_of(model: &Value) -> Map<String, Value> {
    let defaults = json!({
        "unk_token": if model.get("merges").is_some() { Value::Null } else { json!("[UNK]") },
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    });
    let is_default = |name: &str, value: &Value| {
        matches!(value, Value::Null | Value::Bool(false))
            || value.as_str() == Some("")
            || defaults.get(name) == Some(value)
    };
    let own = model.as_object().into_iter().flatten();
    let own = own.filter(|(name, value)| !is_default(name, value));
    let own = own.filter(|(name, _)| !["type", "vocab", "merges"].contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
