//! Fingerprints of earlier builds, and the settings that they ignored.
//!
//! Version 1 is the 64 hexadecimal digits of a SHA-256 over the model's files and its settings as text
//! (docs/adr/0002-persisted-identities.md). Earlier builds ignored some keys. If those keys have no effect for a model,
//! its old collections are compatible; otherwise they contain other vectors.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fingerprint::hash_file;
use super::json_file::read_optional_json;
use super::layout::{EncoderSettings, Family, Layout, RoleSettings};
use super::weights::Weights;
use super::{ModelError, Pooling, TermActivation, Tokenizer, TransformerSettings};
use crate::types::{Fingerprint, Role};

/// Identity of a model before version 2 of the fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyIdentity {
    /// Fingerprint, version 1.
    pub fingerprint: Fingerprint,
    /// Keys that earlier builds ignored and that affect vectors, as `file: key`.
    pub ignored_keys: Vec<String>,
}

/// Settings as earlier builds read them from the files of a transformer.
#[derive(Clone, Copy)]
struct LegacySettings {
    max_length: usize,
    lower_case: bool,
}

/// Version 1 of the fingerprint, and the settings as earlier builds read them.
pub struct FingerprintV1 {
    fingerprint: Fingerprint,
    document: LegacySettings,
    query: Option<LegacySettings>,
    /// Keys of biases that earlier builds applied despite `config.json`.
    bias_keys: Vec<&'static str>,
}

/// Keys of ModernBERT's biases, each with a tensor that exists if the bias does.
const BIAS_KEYS: [(&str, &str); 5] = [
    ("attention_bias", "layers.0.attn.Wqkv.bias"),
    ("mlp_bias", "layers.0.mlp.Wi.bias"),
    ("norm_bias", "final_norm.bias"),
    ("classifier_bias", "head.dense.bias"),
    ("decoder_bias", "decoder.bias"),
];

impl FingerprintV1 {
    /// Hashes the files like earlier builds; `None` if those could not load the model. Reads all weights.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file cannot be read.
    pub fn compute(layout: &Layout) -> Result<Option<Self>, ModelError> {
        let EncoderSettings::Transformer { settings, .. } = &layout.document.encoder else { return Ok(None) };
        let mut hash = Sha256::new();
        let Some(document) = hash_transformer(&mut hash, settings)? else { return Ok(None) };
        // Earlier builds hashed the query encoder only if a router selected it.
        let query = match &layout.query.encoder {
            EncoderSettings::Transformer { settings, .. } if layout.has_router => {
                let Some(query) = hash_transformer(&mut hash, settings)? else { return Ok(None) };
                Some(query)
            }
            EncoderSettings::Transformer { .. } => Some(document),
            EncoderSettings::Static(table) => {
                if !hash_files(&mut hash, &table.legacy_fingerprint_files()?)? {
                    return Ok(None);
                }
                hash.update(format_static_settings(table.tokenizer.max_length()?));
                None
            }
        };
        let mut bias_keys = find_unread_biases(settings)?;
        if let EncoderSettings::Transformer { settings, .. } = &layout.query.encoder {
            bias_keys.extend(find_unread_biases(settings)?);
        }
        Ok(Some(Self { fingerprint: Fingerprint(hex::encode(hash.finalize())), document, query, bias_keys }))
    }
}

impl LegacyIdentity {
    /// Creates the identity of a model in earlier builds, with the keys that they ignored.
    pub fn new(version_1: FingerprintV1, layout: &Layout, tokenizers: [&Tokenizer; 2]) -> Self {
        let FingerprintV1 { fingerprint, document, query, bias_keys } = version_1;
        let mut ignored_keys: Vec<String> = bias_keys.iter().map(|key| format!("config.json: {key}")).collect();
        for (role, settings, legacy_settings) in
            [(Role::Document, &layout.document, Some(document)), (Role::Query, &layout.query, query)]
        {
            let Some(legacy_settings) = legacy_settings else { continue };
            ignored_keys.extend(find_changed_length(role, settings, legacy_settings.max_length));
            if legacy_settings.lower_case && !settings.tokenizer.files.should_lowercase() {
                ignored_keys
                    .push("sentence_bert_config.json: do_lower_case (not read without modules.json)".to_owned());
            }
            if let EncoderSettings::Transformer { settings, .. } = &settings.encoder {
                ignored_keys.extend(settings.config.reinterpreted_keys.iter().map(|key| format!("config.json: {key}")));
            }
        }
        ignored_keys.extend(tokenizers.iter().flat_map(|tokenizer| tokenizer.changed_keys().iter().cloned()));
        ignored_keys.extend(find_model_level_keys(layout));
        ignored_keys.sort_unstable();
        ignored_keys.dedup();
        Self { fingerprint, ignored_keys }
    }
}

/// Returns the keys of biases that exist in the weights but are disabled in `config.json`.
fn find_unread_biases(settings: &TransformerSettings) -> Result<Vec<&'static str>, ModelError> {
    if settings.config.class.family != Family::ModernBert {
        return Ok(Vec::new());
    }
    let weights = Weights::open(&settings.weight_paths)?;
    let mut keys = Vec::new();
    for (key, tensor) in BIAS_KEYS {
        let exists = weights.has(tensor) || weights.has(&format!("model.{tensor}"));
        if exists && !settings.config.get_bool(key)? {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Returns the key of a role's maximum length if earlier builds read another length.
fn find_changed_length(role: Role, settings: &RoleSettings, legacy_max_length: usize) -> Option<String> {
    let is_changed = settings.tokenizer.max_length != Some(legacy_max_length);
    is_changed.then(|| format!("{} (maximum length of a {})", settings.max_length.source_key, role.as_str()))
}

/// Returns the ignored keys of the whole model.
fn find_model_level_keys(layout: &Layout) -> Vec<String> {
    let mut keys = Vec::new();
    if layout.max_terms.is_some() {
        keys.push("config_sentence_transformers.json: max_active_dims".to_owned());
    }
    for (role, settings) in [("document", &layout.document), ("query", &layout.query)] {
        if !settings.tokenizer.prompt.is_empty() {
            keys.push(format!("config_sentence_transformers.json: prompts.{role}"));
        }
        if let EncoderSettings::Transformer { lexical_weights: Some(_), .. } = settings.encoder {
            keys.push("modules.json: SparseStaticEmbedding after SpladePooling".to_owned());
        }
    }
    keys
}

/// Hashes a transformer for version 1; `None` if earlier builds could not load it.
fn hash_transformer(hash: &mut Sha256, settings: &TransformerSettings) -> Result<Option<LegacySettings>, ModelError> {
    let directory = &settings.directory;
    let mut files = vec![directory.join("config.json"), directory.join("tokenizer.json")];
    files.extend(settings.weight_paths.iter().cloned());
    if !hash_files(hash, &files)? {
        return Ok(None);
    }
    let module: Value = read_optional_json(&directory.join("sentence_bert_config.json"))?.unwrap_or_default();
    let tokenizer: Value = read_optional_json(&directory.join("tokenizer_config.json"))?.unwrap_or_default();
    let length = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok())
    };
    let max_length = length(&module, "max_seq_length").or_else(|| length(&tokenizer, "model_max_length"));
    let max_length = max_length.unwrap_or(settings.max_positions).min(settings.max_positions);
    let lower_case = module.get("do_lower_case").and_then(Value::as_bool).unwrap_or_default();
    hash.update(format_settings(settings.pooling, settings.activation, lower_case, max_length));
    Ok(Some(LegacySettings { max_length, lower_case }))
}

/// Formats the settings of a transformer for version 1. The words were names of Rust types in the first builds and are
/// part of stored fingerprints: they must not change.
fn format_settings(pooling: Pooling, activation: TermActivation, lower_case: bool, max_length: usize) -> String {
    let pooling = match pooling {
        Pooling::Max => "Max",
        Pooling::Sum => "Sum",
    };
    let activation = match activation {
        TermActivation::Relu => "Relu",
        TermActivation::Log1pRelu => "Log1pRelu",
    };
    let lower_case = if lower_case { "true" } else { "false" };
    format!("{pooling} {activation} {lower_case} {max_length}")
}

/// Formats the settings of a static encoder for version 1.
fn format_static_settings(max_length: Option<usize>) -> String {
    max_length.map_or("None".to_owned(), |max_length| format!("Some({max_length})"))
}

/// Hashes files; returns false if one does not exist or is a `vocab.txt`.
fn hash_files(hash: &mut Sha256, paths: &[PathBuf]) -> Result<bool, ModelError> {
    let exists = |path: &PathBuf| path.exists() && !is_vocab_txt(path);
    if !paths.iter().all(exists) {
        return Ok(false);
    }
    for path in paths {
        hash_file(hash, path).map_err(|error| ModelError::file(path, error))?;
    }
    Ok(true)
}

/// Returns true for `vocab.txt`, which earlier builds could not read.
fn is_vocab_txt(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "vocab.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_version_1_have_their_stored_form() {
        assert_eq!(format_settings(Pooling::Max, TermActivation::Relu, false, 512), "Max Relu false 512");
        assert_eq!(format_settings(Pooling::Sum, TermActivation::Log1pRelu, true, 8192), "Sum Log1pRelu true 8192");
        assert_eq!([Some(512), None].map(format_static_settings), ["Some(512)", "None"]);
    }

    /// Version 1 is the SHA-256 of the length of each file (8 bytes, little endian) and its bytes, followed by the
    /// settings.
    #[test]
    fn version_1_hashes_files_and_settings() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["weights", "tokenizer"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], b"abc").unwrap();
        std::fs::write(&paths[1], b"").unwrap();
        let mut hash = Sha256::new();
        assert!(hash_files(&mut hash, &paths).unwrap());
        hash.update(format_settings(Pooling::Max, TermActivation::Relu, false, 512));
        let bytes = b"\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0Max Relu false 512";
        assert_eq!(hash.finalize(), Sha256::digest(bytes));
    }
}
