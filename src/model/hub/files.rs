//! Selection of the repository files that a model consists of. ONNX exports, training checkpoints, images and
//! directories without a module are excluded.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::modules::{ModuleKind, RepoModule, join_path, list_modules, try_read_json};
use crate::model::files::{MAX_JSON_BYTES, MAX_TOKENIZER_BYTES, MODULE_ARGUMENT_FILES};

/// Small files that determine vectors, in the root and in each module directory, in addition to
/// [`MODULE_ARGUMENT_FILES`]. For some, only their presence matters.
const SETTINGS_FILES: [&str; 13] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "modules.json",
    "router_config.json",
    "config_sentence_transformers.json",
    "adapter_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "idf.json",
];

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// Files from which a tokenizer can be built.
const TOKENIZER_FILES: [&str; 2] = [TOKENIZER, "vocab.txt"];

/// Weight files and shard indexes, in the order of preference of transformers' `from_pretrained`.
const WEIGHT_FILES: [&str; 4] =
    ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];
const INDEX_SUFFIX: &str = ".index.json";

const MISSING_TOKENIZER: &str = "tokenizer.json or vocab.txt";
const MISSING_WEIGHTS: &str =
    "weights (model.safetensors or pytorch_model.bin, in one file or in shards with an index)";

/// Files of a model in a cache directory that may be incomplete.
pub struct ModelFiles<'a> {
    directory: &'a Path,
    exists: &'a dyn Fn(&str) -> bool,
}

impl<'a> ModelFiles<'a> {
    /// Creates the view of a `directory` of downloaded files; `exists` tests whether the repository has a path.
    pub fn new(directory: &'a Path, exists: &'a dyn Fn(&str) -> bool) -> Self {
        Self { directory, exists }
    }

    /// Returns the paths of the small files known so far: `modules.json` names directories, and the configuration of a
    /// router or a static embedding names more, so the list grows as files are downloaded.
    pub fn settings_paths(&self) -> Vec<String> {
        let modules = list_modules(self.directory);
        let directories = std::iter::once("").chain(modules.iter().map(|module| module.directory.as_str()));
        let mut paths: BTreeSet<String> = directories
            .flat_map(|directory| {
                SETTINGS_FILES.iter().chain(&MODULE_ARGUMENT_FILES).map(move |name| join_path(directory, name))
            })
            .collect();
        let weight_directories = list_weight_directories(&modules).into_iter();
        let indexes =
            weight_directories.filter_map(|directory| self.find_weights_file(directory)).filter(|path| is_index(path));
        paths.extend(indexes);
        paths.extend(modules.iter().flat_map(|module| module.token_weight_paths(self.directory)));
        paths.into_iter().filter(|path| (self.exists)(path)).collect()
    }

    /// Returns the paths of the weights, those in the root last. Requires the small files.
    pub fn weight_paths(&self) -> Vec<String> {
        let modules = list_modules(self.directory);
        let files = list_weight_directories(&modules).into_iter().rev().filter_map(|directory| {
            let file = self.find_weights_file(directory)?;
            Some(if is_index(&file) { self.list_shards(&file) } else { vec![file] })
        });
        files.flatten().collect()
    }

    /// Returns descriptions of the files that the modules need and the repository lacks; empty if it is complete.
    /// Requires the small files.
    pub fn find_missing(&self) -> Vec<String> {
        let modules = list_modules(self.directory);
        modules.iter().flat_map(|module| self.find_missing_of_module(module)).collect()
    }

    fn find_missing_of_module(&self, module: &RepoModule) -> Vec<String> {
        let RepoModule { directory, kind } = module;
        let has = |path: &String| (self.exists)(path);
        let has_any = |names: &[&str]| names.iter().any(|name| has(&join_path(directory, name)));
        let in_directory =
            |what: &str| if directory.is_empty() { what.to_owned() } else { format!("{what} in {directory}/") };
        let mut missing = Vec::new();
        if *kind == ModuleKind::Transformer && !has_any(&[CONFIG]) {
            missing.push(in_directory(CONFIG));
        }
        if matches!(kind, ModuleKind::Transformer | ModuleKind::StaticEmbedding) {
            if !has_any(&TOKENIZER_FILES) {
                missing.push(in_directory(MISSING_TOKENIZER));
            }
            match self.find_weights_file(directory) {
                _ if module.token_weight_paths(self.directory).iter().any(has) => {}
                Some(index) if is_index(&index) => {
                    missing.extend(self.list_shards(&index).into_iter().filter(|shard| !has(shard)));
                }
                Some(_) => {}
                None => missing.push(in_directory(MISSING_WEIGHTS)),
            }
        }
        missing
    }

    /// Returns the weight file, or shard index, that transformers would load from a directory.
    fn find_weights_file(&self, directory: &str) -> Option<String> {
        WEIGHT_FILES.iter().map(|name| join_path(directory, name)).find(|path| (self.exists)(path))
    }

    /// Returns the shards that an index names. Only names of files beside the index are returned; other names are
    /// refused when the model is read.
    fn list_shards(&self, index: &str) -> Vec<String> {
        let directory = index.rsplit_once('/').map_or("", |(directory, _)| directory);
        let index = try_read_json(&self.directory.join(index));
        let map = index.as_ref().and_then(|index| index.get("weight_map")).and_then(Value::as_object);
        let names: BTreeSet<&str> = map.into_iter().flatten().filter_map(|(_, name)| name.as_str()).collect();
        let names = names.into_iter().filter(|name| !name.starts_with('.') && !name.contains(['/', '\\']));
        names.map(|name| join_path(directory, name)).collect()
    }
}

/// Returns the kinds of files that no directory of the repository has. Such a repository cannot be a model, regardless
/// of its settings. Requires only the list of files.
pub fn find_missing_kinds<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: BTreeSet<&str> = paths.filter_map(|path| path.rsplit('/').next()).collect();
    let kinds = [(&[CONFIG][..], CONFIG), (&TOKENIZER_FILES, MISSING_TOKENIZER), (&WEIGHT_FILES, MISSING_WEIGHTS)];
    let missing = kinds.into_iter().filter(|(any, _)| !any.iter().any(|name| names.contains(name)));
    missing.map(|(_, what)| what.to_owned()).collect()
}

/// Returns true if weights are among the missing files.
pub fn lacks_weights(missing: &[String]) -> bool {
    missing.iter().any(|what| what.starts_with(MISSING_WEIGHTS))
}

/// Maximum size of a small file, in bytes.
pub fn max_settings_bytes(path: &str) -> u64 {
    if path.rsplit('/').next() == Some(TOKENIZER) { MAX_TOKENIZER_BYTES } else { MAX_JSON_BYTES }
}

/// Returns the directories that may have weights, in order.
fn list_weight_directories(modules: &[RepoModule]) -> BTreeSet<&str> {
    let with_weights = modules.iter().filter(|module| module.kind != ModuleKind::Router);
    with_weights.map(|module| module.directory.as_str()).collect()
}

fn is_index(path: &str) -> bool {
    path.ends_with(INDEX_SUFFIX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::{TempDir, tempdir};

    use super::*;

    /// Creates a directory with the given files, as if they had been downloaded.
    fn fetched(files: &[(&str, &str)]) -> TempDir {
        let root = tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    /// Calls `ask` for a repository with the given paths, of which the files in `root` have been downloaded.
    fn of<T>(root: &TempDir, paths: &[&str], ask: impl Fn(&ModelFiles<'_>) -> T) -> T {
        let exists = |path: &str| paths.contains(&path);
        ask(&ModelFiles::new(root.path(), &exists))
    }

    const INDEX: &str = r#"{"weight_map": {"a": "s1.bin", "b": "s2.bin", "c": "s1.bin", "d": "../x", "e": 7}}"#;
    const MODULES: &str = r#"[{"path": "", "type": "a.MLMTransformer"}, {"path": "1_P", "type": "a.SpladePooling"}]"#;
    const ROUTER: &str =
        r#"{"types": {"q": "a.SparseStaticEmbedding", "d": "a.MLMTransformer", "p": "a.SpladePooling"}}"#;

    #[test]
    fn files_of_the_model_are_selected_and_others_ignored() {
        let paths = [
            ".gitattributes",
            "../config.json",
            "1_P/config.json",
            "README.md",
            "checkpoint-500/config.json",
            "checkpoint-500/model.safetensors",
            "config.json",
            "model.safetensors",
            "modules.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tokenizer.json",
            "vocab.txt",
        ];
        let root = fetched(&[]);
        let in_root = ["config.json", "modules.json", "tokenizer.json", "vocab.txt"];
        assert_eq!(of(&root, &paths, |files| files.settings_paths()), in_root);
        let root = fetched(&[("modules.json", MODULES)]);
        assert_eq!(of(&root, &paths, |files| files.settings_paths()), [&["1_P/config.json"][..], &in_root].concat());
        assert_eq!(of(&root, &paths, |files| files.weight_paths()), ["model.safetensors"]);
        assert!(of(&root, &paths, |files| files.find_missing()).is_empty());
    }

    #[test]
    fn weights_are_chosen_as_transformers_chooses_them() {
        let root = fetched(&[(WEIGHT_FILES[1], INDEX), (WEIGHT_FILES[3], INDEX)]);
        let weights = |paths: &[&str]| of(&root, paths, |files| files.weight_paths());
        assert_eq!(weights(&WEIGHT_FILES), ["model.safetensors"]);
        assert_eq!(weights(&WEIGHT_FILES[1..]), ["s1.bin", "s2.bin"]);
        assert_eq!(weights(&WEIGHT_FILES[2..]), ["pytorch_model.bin"]);
        assert_eq!(weights(&WEIGHT_FILES[3..]), ["s1.bin", "s2.bin"]);
        assert_eq!(of(&root, &WEIGHT_FILES[3..], |files| files.settings_paths()), ["pytorch_model.bin.index.json"]);
        let missing = |more: &[&str]| {
            of(&root, &[&["config.json", "vocab.txt", WEIGHT_FILES[3]], more].concat(), |files| files.find_missing())
        };
        assert_eq!(missing(&["s1.bin"]), ["s2.bin"]);
        assert!(missing(&["s1.bin", "s2.bin"]).is_empty());
    }

    #[test]
    fn a_router_with_everything_in_directories_is_complete() {
        let root = fetched(&[
            ("modules.json", r#"[{"path": "", "type": "a.Router"}]"#),
            ("router_config.json", ROUTER),
            ("q/config.json", r#"{"path": "weights.json"}"#),
        ]);
        let mut paths = vec![
            "modules.json",
            "router_config.json",
            "model.safetensors",
            "q/config.json",
            "q/tokenizer.json",
            "weights.json",
            "d/config.json",
            "d/vocab.txt",
            "d/model.safetensors",
        ];
        assert!(of(&root, &paths, |files| files.find_missing()).is_empty());
        assert!(of(&root, &paths, |files| files.settings_paths()).contains(&"weights.json".to_owned()));
        assert_eq!(
            of(&root, &paths, |files| files.weight_paths()),
            ["d/model.safetensors"],
            "no module is in the root"
        );
        paths.truncate(5);
        let missing = of(&root, &paths, |files| files.find_missing());
        assert_eq!(missing[..2], ["config.json in d/", "tokenizer.json or vocab.txt in d/"]);
        assert!(missing[2].ends_with("in d/") && missing[3].ends_with("in q/") && lacks_weights(&missing));
    }

    #[test]
    fn kinds_of_files_that_no_directory_has() {
        let missing = |paths: &[&str]| find_missing_kinds(paths.iter().copied());
        assert!(missing(&["d/config.json", "d/vocab.txt", "d/pytorch_model.bin.index.json"]).is_empty());
        assert_eq!(missing(&["tokenizer.json", "model.safetensors"]), ["config.json"]);
        assert!(lacks_weights(&missing(&["config.json", "tokenizer.json"])));
    }
}
