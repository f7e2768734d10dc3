//! Differences between a tokenizer and the `tokenizer.json` that earlier builds used unchanged.
//!
//! Version 1 of the fingerprint identifies that tokenizer, so it is only accepted if there is no difference.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokenizers::{
    Encoding, NormalizerWrapper, PostProcessor as _, PostProcessorWrapper, PreTokenizerWrapper, Token, Tokenizer,
};

use super::added_tokens::{is_same_token, parse_token};

/// Returns the keys by which `tokenizer`, whose model is `model`, differs from `source`, the parts of a
/// `tokenizer.json`. Vocabulary and merges are excluded, since they always come from the file.
///
/// # Errors
/// If a component of `source` is invalid.
pub fn find_changed_keys(source: &Value, model: &Value, tokenizer: &Tokenizer) -> tokenizers::Result<Vec<String>> {
    let mut changed_keys = Vec::new();
    let normalizer = parse_component::<NormalizerWrapper>(source, "normalizer")?;
    let normalizers = (to_json(&normalizer)?, to_json(&tokenizer.get_normalizer())?);
    if normalizers.0 != normalizers.1 {
        changed_keys.extend(find_normalizer_changes(&normalizers.0, &normalizers.1));
    }
    let pre_tokenizer = parse_component::<PreTokenizerWrapper>(source, "pre_tokenizer")?;
    if strip_trim_offsets(to_json(&pre_tokenizer)?) != strip_trim_offsets(to_json(&tokenizer.get_pre_tokenizer())?) {
        changed_keys.push("tokenizer_config.json: add_prefix_space (tokenizer.json: pre_tokenizer)".to_owned());
    }
    let post_processor = parse_component::<PostProcessorWrapper>(source, "post_processor")?;
    if post_process_samples(post_processor.as_ref())? != post_process_samples(tokenizer.get_post_processor())? {
        changed_keys.push("tokenizer.json: post_processor".to_owned());
    }
    let source_model = source.get("model").unwrap_or(&Value::Null);
    if extract_non_default_settings(source_model) != extract_non_default_settings(model) {
        changed_keys.push("tokenizer.json: model".to_owned());
    }
    let source_tokens = source.get("added_tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let current_tokens = tokenizer.get_added_tokens_decoder();
    let is_kept = |token: &Value| {
        let id = token.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let added_token = id.and_then(|id| current_tokens.get(&id));
        added_token
            .zip(parse_token(token, None))
            .is_some_and(|(own, token)| is_same_token(own, &token.into_token(false)))
    };
    if source_tokens.len() != current_tokens.len() || !source_tokens.iter().all(is_kept) {
        changed_keys.push("tokenizer_config.json: added_tokens_decoder (or special tokens of another file)".to_owned());
    }
    if tokenizer.get_encode_special_tokens() {
        changed_keys.push("tokenizer_config.json: split_special_tokens".to_owned());
    }
    Ok(changed_keys)
}

fn parse_component<T: DeserializeOwned>(source: &Value, name: &str) -> tokenizers::Result<Option<T>> {
    Ok(serde_json::from_value(source.get(name).cloned().unwrap_or_default())?)
}

fn to_json(part: &impl Serialize) -> tokenizers::Result<Value> {
    Ok(serde_json::to_value(part)?)
}

/// Returns the keys of `tokenizer_config.json` for the changed fields of BERT's normalizer.
fn find_normalizer_changes(previous: &Value, current: &Value) -> Vec<String> {
    let is_bert = |normalizer: &Value| normalizer.get("type").and_then(Value::as_str) == Some("BertNormalizer");
    if !is_bert(previous) || !is_bert(current) {
        return vec!["tokenizer.json: normalizer".to_owned()];
    }
    // `strip_accents` defaults to `lowercase`.
    let strips = |normalizer: &Value| {
        let explicit = normalizer.get("strip_accents").and_then(Value::as_bool);
        Some(explicit.unwrap_or_else(|| normalizer.get("lowercase").and_then(Value::as_bool).unwrap_or_default()))
    };
    let field = |name: &'static str| move |normalizer: &Value| normalizer.get(name).and_then(Value::as_bool);
    let mut keys = Vec::new();
    let mut compare = |key: &str, is_changed: bool| {
        if is_changed {
            keys.push(format!("tokenizer_config.json: {key}"));
        }
    };
    compare("do_lower_case", field("lowercase")(previous) != field("lowercase")(current));
    compare("strip_accents", strips(previous) != strips(current));
    let splits_chinese = field("handle_chinese_chars");
    compare("tokenize_chinese_chars", splits_chinese(previous) != splits_chinese(current));
    let cleans = field("clean_text");
    if cleans(previous) != cleans(current) {
        keys.push("tokenizer.json: normalizer.clean_text".to_owned());
    }
    keys
}

/// Removes the setting of a pre-tokenizer that only affects reported offsets.
fn strip_trim_offsets(mut pre_tokenizer: Value) -> Value {
    if let Some(object) = pre_tokenizer.as_object_mut() {
        object.remove("trim_offsets");
    }
    pre_tokenizer
}

/// Applies a post-processor to sequences of zero, one and two tokens.
fn post_process_samples(processor: Option<&PostProcessorWrapper>) -> tokenizers::Result<Vec<Vec<u32>>> {
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

/// Returns a model's settings without those equal to the library's defaults.
fn extract_non_default_settings(model: &Value) -> Map<String, Value> {
    let defaults = json!({
        "unk_token": if model.get("merges").is_some() { Value::Null } else { json!("[UNK]") },
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    });
    let is_default = |name: &str, value: &Value| {
        matches!(value, Value::Null | Value::Bool(false))
            || value.as_str() == Some("")
            || defaults.get(name) == Some(value)
    };
    let settings = model.as_object().into_iter().flatten();
    let settings = settings.filter(|(name, value)| !is_default(name, value));
    let settings = settings.filter(|(name, _)| !["type", "vocab", "merges"].contains(&name.as_str()));
    settings.map(|(name, value)| (name.clone(), value.clone())).collect()
}
