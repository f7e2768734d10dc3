//! Compares model settings with sentence-transformers. Each case of `tests/data/golden/settings`, which
//! `scripts/golden/make_settings.py` generated, changes a model's files; the vectors must then equal those that
//! sentence-transformers computes from these files, or the model must be refused with an error that names the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use splade_sidecar::model::keys::{KeyRule, KeyTable, TABLES};
use splade_sidecar::model::{Backend, Model, ModelError, TokenBatch, YieldPoint};
use splade_sidecar::types::{Pruning, Role, SparseVector};

use crate::support::models::{copy_dir, model_dir};

/// Maximum difference of a weight: both implementations sum in float32, in different orders.
const TOLERANCE: f32 = 2e-4;

#[derive(Deserialize)]
struct File {
    base: String,
    texts: Vec<String>,
    documents: Vec<Vector>,
    queries: Option<Vec<Vector>>,
    cases: Vec<Case>,
}

type Vector = (Vec<u32>, Vec<f32>);

#[derive(Deserialize)]
struct Case {
    name: String,
    keys: Vec<String>,
    changes: Vec<Change>,
    #[serde(default)]
    documents: Option<Vec<Option<Vector>>>,
    #[serde(default)]
    queries: Option<Vec<Option<Vector>>>,
    #[serde(default)]
    same_as_base: Option<bool>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    file: String,
    path: Option<Vec<Value>>,
    value: Option<Value>,
    #[serde(default)]
    remove: bool,
    text: Option<String>,
    json: Option<Value>,
    copy_of: Option<String>,
    move_to: Option<String>,
}

/// Outcome of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Equal,
    Refused,
    /// The case has no vectors in sentence-transformers.
    Undefined,
}

fn files() -> Vec<File> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/settings");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

fn apply(base: &Path, directory: &Path, change: Change) {
    let path = directory.join(&change.file);
    let parent = |path: &Path| std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if let Some(keys) = change.path {
        // A missing file begins as an empty object; `value` may be null.
        let mut file: Value = std::fs::read(&path).map_or(json!({}), |bytes| serde_json::from_slice(&bytes).unwrap());
        set(&mut file, &keys, (!change.remove).then(|| change.value.unwrap_or_default()));
        parent(&path);
        std::fs::write(path, file.to_string()).unwrap();
    } else if change.remove {
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    } else if let Some(to) = change.move_to {
        parent(&directory.join(&to));
        std::fs::rename(path, directory.join(to)).unwrap();
    } else if let Some(from) = change.copy_of {
        parent(&path);
        std::fs::copy(base.join(from), path).unwrap();
    } else {
        let content = change.text.or_else(|| change.json.map(|value| value.to_string()));
        parent(&path);
        std::fs::write(path, content.expect("a change")).unwrap();
    }
}

fn set(target: &mut Value, keys: &[Value], value: Option<Value>) {
    let Some((key, rest)) = keys.split_first() else { return *target = value.unwrap_or_default() };
    if let (Value::Array(list), Some(index)) = (&mut *target, key.as_u64()) {
        return set(&mut list[index as usize], rest, value);
    }
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().unwrap();
    let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
    match value {
        None if rest.is_empty() => drop(object.remove(&key)),
        value => set(object.entry(key).or_insert(Value::Null), rest, value),
    }
}

/// Encodes texts in a role, one per batch, with the pruning of the model's files; the error is that of the first failed text.
fn encode(model: &Model, role: Role, texts: &[String]) -> Result<Vec<SparseVector>, String> {
    let side = model.role_encoder(role);
    let vectors = texts.iter().map(|text| {
        let tokens = side.tokenizer.tokenize(text).map_err(|error| error.to_string())?;
        let batch = TokenBatch::from_iter([tokens.ids.as_slice()]);
        let outputs = side.encoder.encode(&batch, &mut YieldPoint::none()).map_err(|error| error.to_string())?;
        let mut vector = outputs.into_iter().next().unwrap().map_err(|error| error.to_string())?;
        vector.prune(Pruning { max_terms: model.max_terms, ..Pruning::default() });
        Ok(vector)
    });
    vectors.collect()
}

fn difference(ours: &[SparseVector], theirs: &[Vector]) -> Option<String> {
    let pairs = ours.iter().zip(theirs).enumerate();
    pairs.filter_map(|(number, (ours, theirs))| Some(format!("text {number}: {}", distance(ours, theirs)?))).next()
}

fn distance(ours: &SparseVector, (indices, values): &Vector) -> Option<String> {
    let theirs: BTreeMap<u32, f32> = indices.iter().copied().zip(values.iter().copied()).collect();
    let mine: BTreeMap<u32, f32> = ours.iter().collect();
    let terms: std::collections::BTreeSet<u32> = theirs.keys().chain(mine.keys()).copied().collect();
    terms.into_iter().find_map(|term| {
        let weight = |vector: &BTreeMap<u32, f32>| vector.get(&term).copied().unwrap_or_default();
        let (own, other) = (weight(&mine), weight(&theirs));
        let is_near = (own - other).abs() <= TOLERANCE * other.abs().max(1.0);
        (!is_near).then(|| format!("term {term} weighs {own} here and {other} there"))
    })
}

/// Runs a case; the error describes the difference.
fn run(file: &File, case: &Case, changes: Vec<Change>) -> Result<Outcome, String> {
    let directory = tempfile::tempdir().unwrap();
    copy_dir(&model_dir(&file.base), directory.path());
    changes.into_iter().for_each(|change| apply(&model_dir(&file.base), directory.path(), change));
    let model = match Model::load("changed", directory.path(), &Backend::default()) {
        Ok(model) => model,
        Err(_) if case.error.is_some() => return Ok(Outcome::Undefined),
        Err(error) => return refusal(case, &error),
    };
    if case.error.is_some() {
        return Ok(Outcome::Undefined);
    }
    // A null vector stands for that of the unchanged base model.
    let expected = |own: &[Option<Vector>], base: &[Vector]| -> Vec<Vector> {
        own.iter().zip(base).map(|(own, base)| own.as_ref().unwrap_or(base).clone()).collect()
    };
    let base_queries = file.queries.as_ref().unwrap_or(&file.documents);
    let documents =
        case.documents.as_ref().map_or_else(|| file.documents.clone(), |own| expected(own, &file.documents));
    let queries = match (&case.queries, &case.documents) {
        (Some(own), _) => expected(own, base_queries),
        (None, None) => base_queries.clone(),
        (None, Some(_)) => documents.clone(),
    };
    for (role, theirs) in [(Role::Document, documents), (Role::Query, queries)] {
        let ours = encode(&model, role, &file.texts)?;
        if let Some(difference) = difference(&ours, &theirs) {
            return Err(format!("{role:?}: {difference}"));
        }
    }
    Ok(Outcome::Equal)
}

/// Checks that a refusal names the file and a reason.
fn refusal(case: &Case, error: &ModelError) -> Result<Outcome, String> {
    let text = error.to_string();
    let names_key = case.keys.iter().any(|key| {
        let (file, path) = key.split_once(": ").unwrap_or((key.as_str(), ""));
        let last = path.rsplit('.').next().unwrap_or_default();
        text.contains(file) || (!last.is_empty() && text.contains(last))
    });
    if names_key || text.contains(".json") || text.contains(".safetensors") || text.contains(".txt") {
        Ok(Outcome::Refused)
    } else {
        Err(format!("refused without the file's name: {text}"))
    }
}

/// Invariant: for all settings with vectors in sentence-transformers, ours are equal, or the model is refused with the file's
/// name.
#[test]
fn settings_are_followed_as_sentence_transformers_follows_them_or_refused() {
    let mut files = files();
    let cases: Vec<(usize, Case)> = files
        .iter_mut()
        .enumerate()
        .flat_map(|(number, file)| std::mem::take(&mut file.cases).into_iter().map(move |case| (number, case)))
        .collect();
    let results: Vec<(String, Result<Outcome, String>)> = cases
        .into_par_iter()
        .map(|(number, mut case)| {
            let changes = std::mem::take(&mut case.changes);
            let file = &files[number];
            (format!("{}: {}", file.base, case.name), run(file, &case, changes))
        })
        .collect();
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let (mut defects, mut refused) = (Vec::new(), Vec::new());
    for (name, result) in results {
        match result {
            Err(problem) => defects.push(format!("{name}: {problem}")),
            Ok(outcome) => {
                *outcomes.entry(outcome).or_default() += 1;
                refused.extend((outcome == Outcome::Refused).then_some(name));
            }
        }
    }
    eprintln!("{outcomes:?}\nrefused:\n{}", refused.join("\n"));
    assert!(defects.is_empty(), "{} differ:\n{}", defects.len(), defects.join("\n"));
    assert!(outcomes.get(&Outcome::Equal).copied().unwrap_or_default() > 300, "{outcomes:?}");
}

/// Returns the base model that a table is tested with, and its file.
fn base_and_file(table: &KeyTable) -> (&'static str, &'static str) {
    match (table.file, table.scope) {
        ("config.json", "BertForMaskedLM") => ("bert-random-tied", "config.json"),
        ("config.json", "DistilBertForMaskedLM") => ("distilbert-random-tied", "config.json"),
        ("config.json", "ModernBertForMaskedLM") => ("modernbert-random-tied", "config.json"),
        ("config.json", scope) if scope.starts_with("Roberta") => ("roberta-random-tied", "config.json"),
        ("config.json", "a SpladePooling module") => ("bert-random-sum", "1_SpladePooling/config.json"),
        ("config.json", _) => ("router-random-idf-json", "query_0_SparseStaticEmbedding/config.json"),
        ("modules.json", _) => ("bert-random-sum", "modules.json"),
        ("router_config.json", _) => ("router-random-idf-json", "router_config.json"),
        (file, _) => ("bert-random-sum", file),
    }
}

/// Invariant: the error of each refused key names the key and its file; a key with one of its allowed values, null, or
/// absent is not refused.
#[test]
fn keys_that_are_not_honoured_are_refused_by_name() {
    let mut count = 0;
    for table in TABLES {
        let (base, file) = base_and_file(table);
        for key in table.iter() {
            let KeyRule::Restricted(allowed) = key.rule else { continue };
            let path = key.path.replace('*', "full_attention");
            let with = |value: Value| {
                let directory = tempfile::tempdir().unwrap();
                copy_dir(&model_dir(base), directory.path());
                let keys: Vec<Value> = path.split('.').map(Value::from).collect();
                let keys = if file == "modules.json" { [vec![json!(0)], keys].concat() } else { keys };
                let change = Change {
                    file: file.to_owned(),
                    path: Some(keys),
                    value: Some(value),
                    remove: false,
                    text: None,
                    json: None,
                    copy_of: None,
                    move_to: None,
                };
                apply(&model_dir(base), directory.path(), change);
                Model::load("changed", directory.path(), &Backend::default())
                    .map(drop)
                    .map_err(|error| error.to_string())
            };
            let error = with(json!("refused")).unwrap_err();
            assert!(error.contains(file) && error.contains(&format!("`{path}`")), "{file}: {path}: {error}");
            assert!(error.contains(key.note), "{file}: {path}: {error}");
            for value in allowed.iter().map(|value| serde_json::from_str(value).unwrap()).chain([Value::Null]) {
                if let Err(error) = with(value) {
                    // Another rule may refuse the model, but not the rule of this key.
                    assert!(!error.contains(key.note), "{file}: {path}: {error}");
                }
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

/// Invariant: the evidence is complete. Each honored key has a case in which sentence-transformers returns other vectors or
/// an error; each irrelevant key has one in which it returns equal vectors.
#[test]
fn every_key_has_its_evidence() {
    /// Keys without a case; the comments name the other evidence.
    const ELSEWHERE: [&str; 5] = [
        // Tests of model_files.
        "architectures",
        "vocab_size",
        // Only a name, which transformers replaces.
        "name_or_path",
        // transformers refuses this key.
        "use_return_dict",
        // Needs a GPU.
        "device_map",
    ];
    let files = files();
    let cases: Vec<&Case> = files.iter().flat_map(|file| &file.cases).collect();
    let mut missing = Vec::new();
    for table in TABLES {
        for key in table.iter() {
            let is_evident = |case: &&&Case| match key.rule {
                KeyRule::Honoured => case.same_as_base == Some(false) || case.error.is_some(),
                KeyRule::Ignored => case.same_as_base == Some(true),
                KeyRule::Restricted(_) => true,
            };
            let mut cases = cases.iter().filter(|case| case.keys.iter().any(|name| is_about(name, table, key.path)));
            let is_elsewhere = ELSEWHERE.iter().any(|name| key.path.ends_with(name));
            let is_refusal = matches!(key.rule, KeyRule::Restricted(_));
            if !is_elsewhere && !is_refusal && !key.path.contains('*') && !cases.any(|case| is_evident(&case)) {
                missing.push(format!("{} ({}): {}", table.file, table.scope, key.path));
            }
        }
    }
    assert!(missing.is_empty(), "no case shows:\n{}", missing.join("\n"));
}

/// Returns whether a case with the name `file: path` changes a key of a table.
fn is_about(name: &str, table: &KeyTable, key: &str) -> bool {
    let Some((file, path)) = name.split_once(": ") else { return false };
    let same_file = match table.file {
        // The keys of this file override those of tokenizer_config.json.
        "special_tokens_map.json" => {
            file.ends_with("tokenizer_config.json") || file.ends_with("special_tokens_map.json")
        }
        // One of seven alternative file names.
        "sentence_bert_config.json" => file.rsplit('/').next().is_some_and(|file| file.starts_with("sentence_")),
        own => file.ends_with(own),
    };
    // Old argument names are aliases of the new ones.
    let renamed = key.replace("model_args.", "model_kwargs.");
    let is_inside = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    same_file && [key, &renamed].iter().any(|key| path == *key || is_inside(key, path) || is_inside(path, key))
}
