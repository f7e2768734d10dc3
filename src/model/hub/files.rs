//! Which files of a repository make a model. Everything else (ONNX exports, training states, pictures) stays away.

use std::collections::{BTreeMap, BTreeSet};

/// The small files, taken from the root and from its direct sub-folders, where sentence-transformers keeps the
/// modules of a model (`1_SpladePooling/config.json`).
const SETTINGS: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "router_config.json",
    "idf.json",
];

const WEIGHTS: &str = "model.safetensors";
const SHARDS_INDEX: &str = "model.safetensors.index.json";
const PICKLED_WEIGHTS: &str = "pytorch_model.bin";

/// The files of a repository that a model needs, in the order in which they are to be fetched: settings, then the
/// weights of sub-folders, then the root's weights.
pub fn wanted(repository: &[String]) -> Vec<String> {
    let mut settings = Vec::new();
    let mut weights = Vec::new();
    for (folder, names) in by_folder(repository) {
        let path = |name: &&str| if folder.is_empty() { (*name).to_owned() } else { format!("{folder}/{name}") };
        settings.extend(names.iter().filter(|name| SETTINGS.contains(name)).map(path));
        weights.push(weights_of(&names).iter().map(path).collect::<Vec<_>>());
    }
    // The root is the first folder.
    settings.extend(weights.into_iter().rev().flatten());
    settings
}

/// What no model can do without and these files lack; empty if they suffice.
pub fn missing(files: &[String]) -> Vec<&'static str> {
    let folders = by_folder(files);
    let has = |name: &str| folders.values().any(|names| names.contains(name));
    let checks = [
        (has("config.json"), "config.json"),
        (has("tokenizer.json"), "tokenizer.json"),
        (
            folders.values().any(|names| !weights_of(names).is_empty()),
            "weights (model.safetensors, its shards, or pytorch_model.bin)",
        ),
    ];
    checks.into_iter().filter(|(present, _)| !present).map(|(_, what)| what).collect()
}

/// Names by folder; the root is the empty one.
fn by_folder(paths: &[String]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (folder, name) in paths.iter().filter_map(|path| folder_and_name(path)) {
        folders.entry(folder).or_default().insert(name);
    }
    folders
}

/// The best weights that one folder offers: one file, complete shards with their index, or a pickle; none otherwise.
fn weights_of<'a>(names: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let named = |wanted: &str| names.iter().copied().filter(|name| *name == wanted).collect::<Vec<_>>();
    if names.contains(WEIGHTS) {
        return named(WEIGHTS);
    }
    let shards: Vec<_> = names.iter().copied().filter(|name| shard_count(name).is_some()).collect();
    let complete = shards.first().and_then(|shard| shard_count(shard)) == Some(shards.len());
    if complete && names.contains(SHARDS_INDEX) {
        return [named(SHARDS_INDEX), shards].concat();
    }
    named(PICKLED_WEIGHTS)
}

/// 3 for `model-00001-of-00003.safetensors`.
fn shard_count(name: &str) -> Option<usize> {
    let (number, count) = name.strip_prefix("model-")?.strip_suffix(".safetensors")?.split_once("-of-")?;
    number.parse::<usize>().ok()?;
    count.parse().ok()
}

/// `("", "config.json")` or `("1_SpladePooling", "config.json")`; `None` for deeper or odd paths, which are not taken.
fn folder_and_name(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.split_once('/').unwrap_or(("", path));
    (!folder.starts_with('.') && !name.contains(['/', '\\']) && !folder.contains('\\')).then_some((folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(files: &[&str]) -> Vec<String> {
        files.iter().map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn takes_a_model_and_leaves_the_rest() {
        let repository = [
            ".gitattributes",
            "1_SpladePooling/config.json",
            "README.md",
            "config.json",
            "model.safetensors",
            "modules.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "runs/a/config.json",
            "../config.json",
            "tokenizer.json",
            "vocab.txt",
        ];
        let expected =
            ["config.json", "modules.json", "tokenizer.json", "1_SpladePooling/config.json", "model.safetensors"];
        assert_eq!(wanted(&owned(&repository)), expected);
    }

    #[test]
    fn the_weights_of_the_root_come_last() {
        let repository = ["model.safetensors", "query_0/idf.json", "query_0/model.safetensors", "config.json"];
        let expected = ["config.json", "query_0/idf.json", "query_0/model.safetensors", "model.safetensors"];
        assert_eq!(wanted(&owned(&repository)), expected);
    }

    #[test]
    fn shards_before_pickles_and_pickles_where_there_is_nothing_else() {
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let whole = [shards[0], shards[1], SHARDS_INDEX, PICKLED_WEIGHTS];
        assert_eq!(wanted(&owned(&whole)), [SHARDS_INDEX, shards[0], shards[1]]);
        assert_eq!(wanted(&owned(&[shards[0], SHARDS_INDEX, PICKLED_WEIGHTS])), [PICKLED_WEIGHTS]);
        assert_eq!(wanted(&owned(&[PICKLED_WEIGHTS])), [PICKLED_WEIGHTS]);
    }

    #[test]
    fn says_what_is_missing() {
        assert!(missing(&owned(&["config.json", "tokenizer.json", "document_0/model.safetensors"])).is_empty());
        assert_eq!(missing(&owned(&["tokenizer.json", "model.safetensors"])), ["config.json"]);
        assert_eq!(missing(&owned(&["config.json", "model-00001-of-00002.safetensors", SHARDS_INDEX])).len(), 2);
    }
}
