//! Detection of unsupported weight formats, with a suggestion of what to use instead.

use std::fs;
use std::path::{Path, PathBuf};

use super::base_model::{BaseModel, find_adapter_base, find_exported_base};

/// Maximum number of directory entries examined.
const MAX_ENTRIES: usize = 4_096;

/// Weight format that this service cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsupportedWeightFormat {
    LoraAdapter,
    Onnx,
    OpenVino,
    Gguf,
    TensorFlow,
    Flax,
}

/// Small files that [`UnsupportedWeightFormat::explain`] reads if they exist.
pub const EXPLANATION_FILES: [&str; 3] = ["README.md", "config.json", ADAPTER_CONFIG];

/// File that marks a directory as a LoRA adapter for transformers and sentence-transformers.
const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Returns the path of an adapter's configuration and an explanation with a remedy, if `directory` has one.
/// transformers then loads another base model and applies the adapter, even if the directory has weights of its own.
/// The explanation continues "the model is".
pub fn find_lora_adapter(directory: &Path) -> Option<(PathBuf, String)> {
    let path = directory.join(ADAPTER_CONFIG);
    path.is_file().then(|| (path, UnsupportedWeightFormat::LoraAdapter.explain(directory, None)))
}

/// Returns an explanation and a remedy for a directory whose weights have an unsupported format; `None` if no known
/// format is found. The explanation continues "the model is".
pub fn explain_unsupported_format(directory: &Path) -> Option<String> {
    let paths = list_files(directory);
    let format = UnsupportedWeightFormat::detect(paths.iter().map(String::as_str))?;
    Some(format.explain(directory, None))
}

impl UnsupportedWeightFormat {
    /// Detects the format of a model without readable weights from its file paths. Of several formats, the first in the
    /// order of the variants is returned.
    pub fn detect<'a>(paths: impl Iterator<Item = &'a str>) -> Option<Self> {
        paths.filter_map(|path| Self::from_file_name(path.rsplit('/').next()?)).min_by_key(|format| *format as u8)
    }

    fn from_file_name(name: &str) -> Option<Self> {
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        // Up to the first dot; compared by prefix below, so that shards (`flax_model-00001-of-00002`) match too.
        let stem = name.split('.').next().unwrap_or_default();
        Some(match (stem, extension) {
            ("adapter_config", "json") | ("adapter_model", _) => Self::LoraAdapter,
            (_, "onnx") => Self::Onnx,
            (stem, "xml" | "bin") if stem.starts_with("openvino_model") => Self::OpenVino,
            (_, "gguf") => Self::Gguf,
            (stem, "h5") if stem.starts_with("tf_model") => Self::TensorFlow,
            (stem, "msgpack") if stem.starts_with("flax_model") => Self::Flax,
            _ => return None,
        })
    }

    /// Returns an explanation and a remedy, with the name of the original model if a file of `directory` has it. `repo`
    /// is the model's own Hub id, which is never suggested.
    pub fn explain(self, directory: &Path, repo: Option<&str>) -> String {
        if self == Self::LoraAdapter {
            let base = find_adapter_base(directory);
            let base =
                base.map_or_else(|| "its base model".to_owned(), |base| format_base_model("its base model", &base));
            return format!(
                "only a LoRA adapter (adapter_config.json), and adapters are not supported: merge it into {base} \
                 with `merge_and_unload` of peft, save the result with `save_pretrained`, and use that"
            );
        }
        let base = find_exported_base(directory, repo);
        let original = match &base {
            Some(base) => format_base_model("the original model", base),
            None => "the repository of the original model".to_owned(),
        };
        let (what, remedy) = match self {
            Self::LoraAdapter | Self::Onnx => ("an ONNX export, and ONNX is not supported", String::new()),
            Self::OpenVino => ("an OpenVINO export, and OpenVINO is not supported", String::new()),
            Self::Gguf => ("a GGUF conversion, and GGUF is not supported", String::new()),
            Self::TensorFlow => {
                ("a TensorFlow model, and tf_model.h5 is not supported", format_conversion_remedy("from_tf"))
            }
            Self::Flax => {
                ("a Flax model, and flax_model.msgpack is not supported", format_conversion_remedy("from_flax"))
            }
        };
        format!("{what}: use {original}, with model.safetensors or pytorch_model.bin{remedy}")
    }
}

fn format_base_model(role: &str, base: &BaseModel) -> String {
    format!("{role} `{}` (from {})", base.id, base.named_by)
}

/// Formats the remedy of a conversion. transformers 5 no longer reads TensorFlow and Flax weights, hence version 4.
fn format_conversion_remedy(flag: &str) -> String {
    format!(
        ", or convert this one with transformers 4: `AutoModelForMaskedLM.from_pretrained(..., {flag}=True)`, then \
         `save_pretrained`"
    )
}

/// Lists the files of a directory and of its direct subdirectories, the usual place of exports (`onnx/model.onnx`).
fn list_files(directory: &Path) -> Vec<String> {
    let entries = |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let mut paths = Vec::new();
    for entry in entries(directory) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_dir() {
            let inside = entries(&entry.path()).filter_map(|entry| entry.file_name().into_string().ok());
            paths.extend(inside.map(|file| format!("{name}/{file}")).take(MAX_ENTRIES.saturating_sub(paths.len())));
        } else if paths.len() < MAX_ENTRIES {
            paths.push(name);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn of(paths: &[&str]) -> Option<UnsupportedWeightFormat> {
        UnsupportedWeightFormat::detect(paths.iter().copied())
    }

    #[test]
    fn formats_by_their_files() {
        assert_eq!(of(&["config.json", "onnx/model_quantized.onnx"]), Some(UnsupportedWeightFormat::Onnx));
        assert_eq!(of(&["openvino/openvino_model.bin"]), Some(UnsupportedWeightFormat::OpenVino));
        assert_eq!(of(&["splade-Q8_0.gguf", "README.md"]), Some(UnsupportedWeightFormat::Gguf));
        assert_eq!(of(&["tf_model.h5", "flax_model.msgpack"]), Some(UnsupportedWeightFormat::TensorFlow));
        assert_eq!(of(&["flax_model-00001-of-00002.msgpack"]), Some(UnsupportedWeightFormat::Flax));
        assert_eq!(of(&["adapter_model.safetensors", "model.onnx"]), Some(UnsupportedWeightFormat::LoraAdapter));
        assert_eq!(of(&["adapter_config.json"]), Some(UnsupportedWeightFormat::LoraAdapter));
        assert_eq!(of(&["config.json", "tokenizer.json", "onnx", "training_args.bin"]), None);
    }

    #[test]
    fn a_local_directory_is_explained() {
        let directory = tempdir().unwrap();
        let root = directory.path();
        assert_eq!(explain_unsupported_format(root), None);
        fs::create_dir(root.join("onnx")).unwrap();
        fs::write(root.join("onnx/model.onnx"), "").unwrap();
        let explained = || explain_unsupported_format(root).unwrap();
        assert!(explained().contains("ONNX export") && explained().contains("the repository of the original model"));
        fs::write(root.join("config.json"), r#"{"_name_or_path": "org/config"}"#).unwrap();
        assert!(explained().contains("`org/config` (from `_name_or_path` of config.json)"), "{}", explained());
        fs::write(root.join("README.md"), "---\nbase_model: org/card\n---\n").unwrap();
        assert!(explained().contains("`org/card` (from `base_model` of README.md)"), "{}", explained());
        let own = UnsupportedWeightFormat::Onnx.explain(root, Some("org/card"));
        assert!(own.contains("`org/config`") && !own.contains("org/card"), "{own}");
        fs::write(root.join("adapter_config.json"), r#"{"base_model_name_or_path": "org/base"}"#).unwrap();
        let (path, explanation) = find_lora_adapter(root).unwrap();
        assert_eq!((path, explanation), (root.join(ADAPTER_CONFIG), explained()));
        assert!(explained().contains("only a LoRA adapter") && explained().contains("`org/base`"), "{}", explained());
    }
}
