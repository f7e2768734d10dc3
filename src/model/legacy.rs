//! The fingerprints of earlier builds, and which settings they ignored.
//!
//! Version 1 is the 64 hexadecimal digits of a SHA-256 over the files of the model and its settings in words (see
//! docs/adr/0002-persisted-identities.md). Earlier builds ignored some keys. Where these change nothing, their collections
//! are those of the same encoder; where they do, the collections hold other vectors.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fingerprint::add_file;
use super::json_file::read_optional_json;
use super::layout::{EncoderSettings, Family, Layout, RoleSettings};
use super::weights::Weights;
use super::{ModelError, Pooling, Settings, TermActivation, Tokenizer};
use crate::types::{Fingerprint, Role};

/// The identity of a model before version 2 of the fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// Version 1.
    pub fingerprint: Fingerprint,
    /// The keys that earlier builds ignored and that change vectors, as `file: key`.
    pub ignored_keys: Vec<String>,
}

/// What earlier builds took from the files of a transformer.
#[derive(Clone, Copy)]
struct Before {
    max_length: usize,
    lower_case: bool,
}

/// Version 1 of the fingerprint, and what earlier builds took from the files.
pub struct Version1 {
    fingerprint: Fingerprint,
    document: Before,
    query: Option<Before>,
    /// Keys of biases, which earlier builds followed whatever `config.json` said of them.
    biases: Vec<&'static str>,
}

/// The keys of ModernBERT's biases, and a tensor that each is about.
const BIASES: [(&str, &str); 5] = [
    ("attention_bias", "layers.0.attn.Wqkv.bias"),
    ("mlp_bias", "layers.0.mlp.Wi.bias"),
    ("norm_bias", "final_norm.bias"),
    ("classifier_bias", "head.dense.bias"),
    ("decoder_bias", "decoder.bias"),
];

impl Version1 {
    /// Hashes the files as earlier builds did; `None` if they could not have loaded the model. Reads all weights.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn of(layout: &Layout) -> Result<Option<Self>, ModelError> {
        let EncoderSettings::Transformer { settings, .. } = &layout.document.encoder else { return Ok(None) };
        let mut hash = Sha256::new();
        let Some(document) = add_transformer(&mut hash, settings)? else { return Ok(None) };
        let query = match &layout.query.encoder {
            EncoderSettings::Transformer { settings, .. } if layout.is_routed => {
                let Some(query) = add_transformer(&mut hash, settings)? else { return Ok(None) };
                Some(query)
            }
            EncoderSettings::Transformer { .. } => Some(document),
            EncoderSettings::Static(table) => {
                if !add_files(&mut hash, &table.files()?)? {
                    return Ok(None);
                }
                hash.update(static_words(table.tokenizer.max_length()?));
                None
            }
        };
        let mut biases = unread_biases(settings)?;
        if let EncoderSettings::Transformer { settings, .. } = &layout.query.encoder {
            biases.extend(unread_biases(settings)?);
        }
        Ok(Some(Self { fingerprint: Fingerprint(hex::encode(hash.finalize())), document, query, biases }))
    }
}

impl Legacy {
    /// The identity that earlier builds gave to a model, with the keys that they ignored.
    pub fn new(version_1: Version1, layout: &Layout, tokenizers: [&Tokenizer; 2]) -> Self {
        let Version1 { fingerprint, document, query, biases } = version_1;
        let mut ignored_keys: Vec<String> = biases.iter().map(|key| format!("config.json: {key}")).collect();
        for (role, settings, before) in
            [(Role::Document, &layout.document, Some(document)), (Role::Query, &layout.query, query)]
        {
            let Some(before) = before else { continue };
            ignored_keys.extend(lengths(role, settings, before.max_length));
            if before.lower_case && !settings.tokenizer.files.lower_case() {
                ignored_keys
                    .push("sentence_bert_config.json: do_lower_case (not read without modules.json)".to_owned());
            }
            if let EncoderSettings::Transformer { settings, .. } = &settings.encoder {
                ignored_keys.extend(settings.config.aliased.iter().map(|key| format!("config.json: {key}")));
            }
        }
        ignored_keys.extend(tokenizers.iter().flat_map(|tokenizer| tokenizer.changes().iter().cloned()));
        ignored_keys.extend(of_the_model(layout));
        ignored_keys.sort_unstable();
        ignored_keys.dedup();
        Self { fingerprint, ignored_keys }
    }
}

/// The keys of biases that are in the weights and that `config.json` says are not there.
fn unread_biases(settings: &Settings) -> Result<Vec<&'static str>, ModelError> {
    if settings.config.class.family != Family::ModernBert {
        return Ok(Vec::new());
    }
    let weights = Weights::open(&settings.weights)?;
    let mut keys = Vec::new();
    for (key, tensor) in BIASES {
        let is_there = weights.has(tensor) || weights.has(&format!("model.{tensor}"));
        if is_there && !settings.config.is_on(key)? {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The key of a role's maximum length, if it differs from what it was.
fn lengths(role: Role, settings: &RoleSettings, before: usize) -> Option<String> {
    let is_changed = settings.tokenizer.max_length != Some(before);
    is_changed.then(|| format!("{} (maximum length of a {})", settings.length.key, role.as_str()))
}

/// The keys that hold for the model as a whole.
fn of_the_model(layout: &Layout) -> Vec<String> {
    let mut keys = Vec::new();
    if layout.max_terms.is_some() {
        keys.push("config_sentence_transformers.json: max_active_dims".to_owned());
    }
    for (role, settings) in [("document", &layout.document), ("query", &layout.query)] {
        if !settings.tokenizer.prompt.is_empty() {
            keys.push(format!("config_sentence_transformers.json: prompts.{role}"));
        }
        if let EncoderSettings::Transformer { own_terms: Some(_), .. } = settings.encoder {
            keys.push("modules.json: SparseStaticEmbedding after SpladePooling".to_owned());
        }
    }
    keys
}

/// Adds a transformer as version 1 has it; `None` if earlier builds could not load it.
fn add_transformer(hash: &mut Sha256, settings: &Settings) -> Result<Option<Before>, ModelError> {
    let directory = &settings.directory;
    let mut files = vec![directory.join("config.json"), directory.join("tokenizer.json")];
    files.extend(settings.weights.iter().cloned());
    if !add_files(hash, &files)? {
        return Ok(None);
    }
    let module: Value = read_optional_json(&directory.join("sentence_bert_config.json"))?.unwrap_or_default();
    let tokenizer: Value = read_optional_json(&directory.join("tokenizer_config.json"))?.unwrap_or_default();
    let length = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok())
    };
    let max_length = length(&module, "max_seq_length").or_else(|| length(&tokenizer, "model_max_length"));
    let max_length = max_length.unwrap_or(settings.positions).min(settings.positions);
    let lower_case = module.get("do_lower_case").and_then(Value::as_bool).unwrap_or_default();
    hash.update(words(settings.pooling, settings.activation, lower_case, max_length));
    Ok(Some(Before { max_length, lower_case }))
}

/// The settings of a transformer, as version 1 writes them. The words were the names of the types when the first
/// collections were written; they must stay.
fn words(pooling: Pooling, activation: TermActivation, lower_case: bool, max_length: usize) -> String {
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

/// The settings of a static encoder, as version 1 writes them.
fn static_words(max_length: Option<usize>) -> String {
    max_length.map_or("None".to_owned(), |max_length| format!("Some({max_length})"))
}

/// Adds files; `false` if one is not there.
fn add_files(hash: &mut Sha256, paths: &[PathBuf]) -> Result<bool, ModelError> {
    let is_there = |path: &PathBuf| path.exists() && !is_vocabulary(path);
    if !paths.iter().all(is_there) {
        return Ok(false);
    }
    for path in paths {
        add_file(hash, path).map_err(|error| ModelError::file(path, error))?;
    }
    Ok(true)
}

/// Earlier builds read no tokenizer but tokenizer.json.
fn is_vocabulary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "vocab.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_version_1_stay() {
        assert_eq!(words(Pooling::Max, TermActivation::Relu, false, 512), "Max Relu false 512");
        assert_eq!(words(Pooling::Sum, TermActivation::Log1pRelu, true, 8192), "Sum Log1pRelu true 8192");
        assert_eq!([Some(512), None].map(static_words), ["Some(512)", "None"]);
    }

    /// The SHA-256 of: the length of each file in 8 bytes, little endian, and its bytes; then the words.
    #[test]
    fn version_1_is_files_and_words() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["weights", "tokenizer"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], b"abc").unwrap();
        std::fs::write(&paths[1], b"").unwrap();
        let mut hash = Sha256::new();
        assert!(add_files(&mut hash, &paths).unwrap());
        hash.update(words(Pooling::Max, TermActivation::Relu, false, 512));
        let bytes = b"\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0Max Relu false 512";
        assert_eq!(hash.finalize(), Sha256::digest(bytes));
    }
}
