//! Edits of the files of a model directory.

use std::path::PathBuf;

use arbitrary::Arbitrary;
use serde_json::Value;

use crate::Files;

/// An edit of a file. Numbers that select an item are taken modulo the number of items.
#[derive(Debug, Arbitrary)]
pub enum Edit {
    Remove {
        file: u8,
    },
    /// Replaces a file by a copy of another, such as a tokenizer of another kind or a config as weights.
    Swap {
        file: u8,
        with: u8,
    },
    Rename {
        file: u8,
        to: Name,
    },
    Cut {
        file: u8,
        bytes: u32,
    },
    Overwrite {
        file: u8,
        at: u32,
        bytes: Vec<u8>,
    },
    Insert {
        file: u8,
        at: u32,
        bytes: Vec<u8>,
    },
    /// Replaces a value of a JSON file, or of the header of a safetensors file. Each element of `path` selects a child; the
    /// path ends early at a value without children.
    SetJson {
        file: u8,
        path: Vec<u8>,
        value: Json,
    },
    RemoveJson {
        file: u8,
        path: Vec<u8>,
    },
}

#[derive(Debug, Arbitrary)]
pub enum Name {
    Config,
    Modules,
    Safetensors,
    Index,
    Pickle,
    Idf,
}

#[derive(Debug, Arbitrary)]
pub enum Json {
    Null,
    Flag(bool),
    Small(i8),
    Whole(i64),
    /// Power of 2, to provoke overflows of sizes.
    Power(u8),
    Float(f64),
    Text(String),
    Known(u8),
    List(Vec<u16>),
    /// Number of nested lists.
    Nested(u8),
    /// A copy of another value of the file.
    Copy(Vec<u8>),
}

/// Texts with a meaning in model files.
const KNOWN: [&str; 16] = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "BertForMaskedLM",
    "RobertaForMaskedLM",
    "ModernBertForMaskedLM",
    "relu",
    "gelu",
    "sum",
    "log1p_relu",
    "F16",
    "I64",
    "[UNK]",
    "sentence_transformers.models.Router",
    "sentence_transformers.sparse_encoder.models.SparseStaticEmbedding.SparseStaticEmbedding",
    "sentence_transformers.sparse_encoder.models.MLMTransformer.MLMTransformer",
];

impl Name {
    fn path(&self) -> &'static str {
        match self {
            Self::Config => "config.json",
            Self::Modules => "modules.json",
            Self::Safetensors => "model.safetensors",
            Self::Index => "model.safetensors.index.json",
            Self::Pickle => "pytorch_model.bin",
            Self::Idf => "idf.json",
        }
    }
}

impl Edit {
    pub fn apply(&self, files: &mut Files) {
        let names: Vec<PathBuf> = files.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let name = |choice: u8| names[usize::from(choice) % names.len()].clone();
        match self {
            Self::Remove { file } => drop(files.remove(&name(*file))),
            Self::Swap { file, with } => drop(files.insert(name(*file), files[&name(*with)].clone())),
            Self::Rename { file, to } => {
                let bytes = files.remove(&name(*file)).unwrap_or_default();
                files.insert(to.path().into(), bytes);
            }
            Self::Cut { file, bytes } => change(files, &name(*file), |content| {
                content.truncate(*bytes as usize % (content.len() + 1));
            }),
            Self::Overwrite { file, at, bytes } => change(files, &name(*file), |content| {
                let at = *at as usize % (content.len() + 1);
                let end = content.len().min(at + bytes.len());
                content.splice(at..end, bytes.iter().copied());
            }),
            Self::Insert { file, at, bytes } => change(files, &name(*file), |content| {
                let at = *at as usize % (content.len() + 1);
                content.splice(at..at, bytes.iter().copied());
            }),
            Self::SetJson { file, path, value } => change_json(files, &name(*file), |json| {
                let value = value.to_value(json);
                *reach(json, path) = value;
            }),
            Self::RemoveJson { file, path } => change_json(files, &name(*file), |json| {
                let Some((last, path)) = path.split_last() else { return };
                match reach(json, path) {
                    Value::Array(values) if !values.is_empty() => {
                        drop(values.remove(usize::from(*last) % values.len()))
                    }
                    Value::Object(fields) if !fields.is_empty() => {
                        let key = fields.keys().nth(usize::from(*last) % fields.len()).cloned();
                        key.map(|key| fields.remove(&key));
                    }
                    _ => {}
                }
            }),
        }
    }
}

impl Json {
    fn to_value(&self, file: &mut Value) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Small(number) => (*number).into(),
            Self::Whole(number) => (*number).into(),
            Self::Power(power) => (1u64 << (power % 64)).into(),
            Self::Float(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Known(choice) => KNOWN[usize::from(*choice) % KNOWN.len()].into(),
            Self::List(numbers) => numbers.as_slice().into(),
            Self::Nested(levels) => (0..*levels).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
            Self::Copy(path) => reach(file, path).clone(),
        }
    }
}

fn change(files: &mut Files, name: &PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    files.get_mut(name).map(change);
}

/// Changes a JSON file, or the header of a safetensors file, whose length field is updated.
fn change_json(files: &mut Files, name: &PathBuf, change_value: impl FnOnce(&mut Value)) {
    let is_safetensors = name.extension().is_some_and(|extension| extension == "safetensors");
    change(files, name, |content| {
        if !is_safetensors {
            let Ok(mut value) = serde_json::from_slice(content) else { return };
            change_value(&mut value);
            *content = value.to_string().into_bytes();
            return;
        }
        let Some((length, rest)) = content.split_first_chunk::<8>() else { return };
        let Some((header, tensors)) = rest.split_at_checked(u64::from_le_bytes(*length) as usize) else { return };
        let Ok(mut value) = serde_json::from_slice(header) else { return };
        change_value(&mut value);
        let header = value.to_string();
        *content = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), tensors].concat();
    });
}

fn reach<'a>(mut value: &'a mut Value, path: &[u8]) -> &'a mut Value {
    for &choice in path {
        let children = match value {
            Value::Array(values) => values.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        if children == 0 {
            break;
        }
        let choice = usize::from(choice) % children;
        value = match value {
            Value::Array(values) => &mut values[choice],
            Value::Object(fields) => fields.values_mut().nth(choice).expect("as many as were counted"),
            _ => break,
        };
    }
    value
}
