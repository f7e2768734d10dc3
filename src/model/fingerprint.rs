//! Fingerprints of models.
//!
//! Fingerprints are stored with each collection, so their format is fixed (docs/adr/0005-fingerprint-2.md). Version 2
//! is `2:` and 64 hexadecimal digits: a SHA-256 over everything that determines vectors. Version 1, in
//! [`super::legacy`], was written by earlier builds, which ignored some settings.
//!
//! See docs/adr/0023-pruning-and-dtype-outside-fingerprint.md.

use std::io::{self, Read};
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::keys::{self, KeyRule, KeyTable};
use super::layout::{EncoderSettings, Layout, StaticSettings, TokenizerSettings};
use super::tokenizer_files::TokenizerFiles;
use super::{ModelError, Pooling, TermActivation, TransformerSettings, files};
use crate::types::Fingerprint;

/// Computes the fingerprint of a model, version 2.
///
/// The inference dtype is not part of it: vectors of different dtypes agree up to rounding, so one process may index in
/// int8 and another search in float32.
///
/// # Errors
/// [`ModelError::File`] if a file cannot be read.
pub fn compute(layout: &Layout) -> Result<Fingerprint, ModelError> {
    let mut entries = EntryHasher(Sha256::new());
    entries.put("fingerprint", b"2");
    entries.put("max_terms", format_optional(layout.max_terms).as_bytes());
    entries.put("role", b"document");
    add_encoder(&mut entries, &layout.document.encoder)?;
    add_tokenizer(&mut entries, &layout.document.tokenizer)?;
    // Files that queries share with documents are hashed once.
    entries.put("role", b"query");
    match layout.query.encoder == layout.document.encoder {
        true => entries.put("encoder", SHARED_WITH_DOCUMENTS),
        false => add_encoder(&mut entries, &layout.query.encoder)?,
    }
    match layout.query.tokenizer == layout.document.tokenizer {
        true => entries.put("tokenizer", SHARED_WITH_DOCUMENTS),
        false => add_tokenizer(&mut entries, &layout.query.tokenizer)?,
    }
    Ok(Fingerprint(format!("2:{}", hex::encode(entries.0.finalize()))))
}

/// Value of an entry that is identical for documents and queries. Part of the hash: must not change.
const SHARED_WITH_DOCUMENTS: &[u8] = b"as for documents";

/// Hashes entries: a name and a value, each preceded by its length as 8 bytes, little endian.
struct EntryHasher(Sha256);

impl EntryHasher {
    fn put(&mut self, name: &str, value: &[u8]) {
        self.put_length(name.len() as u64);
        self.0.update(name);
        self.put_length(value.len() as u64);
        self.0.update(value);
    }

    fn put_length(&mut self, length: u64) {
        self.0.update(length.to_le_bytes());
    }

    /// Adds an entry whose value is the content of a file.
    fn put_file(&mut self, name: &str, path: &Path) -> Result<(), ModelError> {
        self.put_length(name.len() as u64);
        self.0.update(name);
        hash_file(&mut self.0, path).map_err(|error| ModelError::file(path, error))
    }
}

fn add_encoder(entries: &mut EntryHasher, encoder: &EncoderSettings) -> Result<(), ModelError> {
    match encoder {
        EncoderSettings::Transformer { settings, lexical_weights } => {
            add_transformer(entries, settings)?;
            if let Some(table) = lexical_weights {
                entries.put("encoder", b"own terms");
                add_table(entries, table)?;
                // The tokenizer determines the ids of the tokens in idf.json.
                add_tokenizer_files(entries, &table.tokenizer)?;
            }
        }
        EncoderSettings::Static(table) => {
            entries.put("encoder", b"table");
            add_table(entries, table)?;
        }
    }
    Ok(())
}

fn add_transformer(entries: &mut EntryHasher, settings: &TransformerSettings) -> Result<(), ModelError> {
    entries.put("encoder", settings.class_name().as_bytes());
    let pooling = match settings.pooling {
        Pooling::Max => "max",
        Pooling::Sum => "sum",
    };
    let activation = match settings.activation {
        TermActivation::Relu => "relu",
        TermActivation::Log1pRelu => "log1p_relu",
    };
    entries.put("pooling", pooling.as_bytes());
    entries.put("activation", activation.as_bytes());
    let config = settings.config.values.as_object().cloned().unwrap_or_default();
    // The class is already hashed, as the entry `encoder`.
    let excluded_keys = ["model_type", "architectures", "tokenizer_class"];
    add_settings(entries, "config.json", settings.config.class.family.keys(), &config, &excluded_keys);
    settings.weight_paths.iter().try_for_each(|path| entries.put_file("weights", path))
}

fn add_table(entries: &mut EntryHasher, table: &StaticSettings) -> Result<(), ModelError> {
    table.find_weight_files()?.iter().try_for_each(|path| entries.put_file("weights", path))
}

fn add_tokenizer(entries: &mut EntryHasher, tokenizer: &TokenizerSettings) -> Result<(), ModelError> {
    let TokenizerSettings { files, max_length, prompt, add_special_tokens: special_tokens, vocabulary_size: _ } =
        tokenizer;
    entries.put("max_length", format_optional(*max_length).as_bytes());
    entries.put("prompt", prompt.as_bytes());
    entries.put("special_tokens", encode_bool(*special_tokens));
    add_tokenizer_files(entries, files)
}

fn add_tokenizer_files(entries: &mut EntryHasher, files: &TokenizerFiles) -> Result<(), ModelError> {
    entries.put("tokenizer", files.class_name().as_bytes());
    entries.put("lower_case", encode_bool(files.should_lowercase()));
    // The class and the maximum length are already hashed, as separate entries.
    let excluded_keys = ["tokenizer_class", "model_max_length", "max_len"];
    add_settings(entries, "tokenizer_config.json", &keys::TOKENIZER_CONFIG, files.config(), &excluded_keys);
    let mut tokens: Vec<_> = files.added_tokens().iter().collect();
    // Sorted, since the order of keys in a JSON file must not change the fingerprint.
    tokens.sort_unstable_by_key(|(token, _)| *token);
    tokens.into_iter().for_each(|(token, id)| put_setting(entries, "added_tokens.json", token, id));
    files.vocabulary_files().iter().try_for_each(|path| entries.put_file("vocabulary", path))
}

/// Adds the applied keys of a file, ordered by name. A null is included, since it may differ from a missing key.
fn add_settings(
    entries: &mut EntryHasher,
    file: &str,
    table: &KeyTable,
    values: &Map<String, Value>,
    excluded_keys: &[&str],
) {
    let is_honoured = |name: &str| {
        table.find(name).is_some_and(|key| matches!(key.rule, KeyRule::Honoured)) || table.has_honoured_below(name)
    };
    let mut names: Vec<&String> = values.keys().collect();
    names.sort_unstable();
    for name in names {
        if let Some(value) = values.get(name)
            && is_honoured(name)
            && !excluded_keys.contains(&name.as_str())
        {
            put_setting(entries, file, name, value);
        }
    }
}

fn put_setting(entries: &mut EntryHasher, file: &str, key: &str, value: &Value) {
    entries.put(&format!("{file}: {key}"), to_canonical_json(value).as_bytes());
}

/// Serializes JSON without white space and with sorted keys.
fn to_canonical_json(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort_unstable();
            let fields = names.iter().filter_map(|name| {
                let value = object.get(*name)?;
                Some(format!("{}:{}", Value::String((*name).clone()), to_canonical_json(value)))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(to_canonical_json).collect::<Vec<_>>().join(",")),
        value => value.to_string(),
    }
}

fn format_optional(value: Option<usize>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

fn encode_bool(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// Hashes a file's length and content. The length separates consecutive files: without it, bytes could move from one
/// file to the next without changing the hash.
pub fn hash_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = files::open_regular_file(path)?;
    hash.update(file.metadata()?.len().to_le_bytes());
    // 1 MiB: large enough that system calls do not limit the hash of files with gigabytes.
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}
