//! Lists the directories of a repository that contain the modules of its model.
//!
//! Used only to select downloads. Invalid entries are skipped here; the settings check, which runs before any weights
//! are downloaded, reports them.

use std::path::{Component, Path};

use serde_json::Value;

use crate::model::files::{MAX_JSON_BYTES, read_bounded};

const MODULES_FILE: &str = "modules.json";
/// Files that list a router's modules: the current name, and the one of older sentence-transformers releases.
const ROUTER_CONFIGS: [&str; 2] = ["router_config.json", "config.json"];

/// Maximum number of modules; published models have at most five.
const MAX_MODULES: usize = 64;
/// Maximum depth of a module's path.
const MAX_DEPTH: usize = 4;

/// Module of a model, with its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepoModule {
    /// Path from the root of the repository, separated by `/`; empty for the root itself.
    pub directory: String,
    pub kind: ModuleKind,
}

/// Kind of a module, by the files it needs in addition to its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleKind {
    /// Needs `config.json`, a tokenizer and weights.
    Transformer,
    /// Needs a tokenizer, and weights or a JSON table.
    StaticEmbedding,
    /// Needs the directories of its own modules.
    Router,
    /// Needs no further files.
    Other,
}

/// Returns the modules of the model in `root` that the downloaded files list. A model without `modules.json` is a
/// single transformer.
pub fn list_modules(root: &Path) -> Vec<RepoModule> {
    let Some(listed) = try_read_json(&root.join(MODULES_FILE)) else {
        return vec![RepoModule { directory: String::new(), kind: ModuleKind::Transformer }];
    };
    let mut modules = Vec::new();
    for entry in listed.as_array().into_iter().flatten().take(MAX_MODULES) {
        let text = |key| entry.get(key).and_then(Value::as_str);
        let Some(module) = text("path").zip(text("type")).and_then(|(path, class)| RepoModule::parse("", path, class))
        else {
            continue;
        };
        if module.kind == ModuleKind::Router {
            modules.extend(list_routed_modules(root, &module.directory));
        }
        modules.push(module);
    }
    // Sorted, because two routes may list one module.
    modules.sort_unstable();
    modules.dedup();
    modules.truncate(MAX_MODULES);
    modules
}

/// Returns the modules that a router's configuration lists.
fn list_routed_modules(root: &Path, directory: &str) -> Vec<RepoModule> {
    let config = ROUTER_CONFIGS.iter().find_map(|name| try_read_json(&root.join(directory).join(name)));
    let types = config.as_ref().and_then(|config| config.get("types")).and_then(Value::as_object);
    let modules = types.into_iter().flatten();
    modules.filter_map(|(path, class)| RepoModule::parse(directory, path, class.as_str()?)).take(MAX_MODULES).collect()
}

impl RepoModule {
    /// Parses an entry; `None` if the path leads out of the repository or is nested too deeply.
    fn parse(parent: &str, path: &str, class: &str) -> Option<Self> {
        let kind = match class.rsplit('.').next().unwrap_or_default() {
            "MLMTransformer" | "Transformer" => ModuleKind::Transformer,
            "SparseStaticEmbedding" => ModuleKind::StaticEmbedding,
            "Router" | "Asym" => ModuleKind::Router,
            _ => ModuleKind::Other,
        };
        Some(Self { directory: resolve(parent, path)?, kind })
    }

    /// Returns the candidate paths of a static embedding's JSON table: relative to its directory and relative to the
    /// root. sentence-transformers resolves the path against the working directory, and published models store the
    /// table in the root.
    pub fn token_weight_paths(&self, root: &Path) -> Vec<String> {
        if self.kind != ModuleKind::StaticEmbedding {
            return Vec::new();
        }
        let config = try_read_json(&root.join(&self.directory).join("config.json"));
        let path = config.as_ref().and_then(|config| config.get("path")).and_then(Value::as_str);
        let paths = path.map(|path| [resolve(&self.directory, path), resolve("", path)]);
        paths.into_iter().flatten().flatten().filter(|path| path.ends_with(".json")).collect()
    }
}

/// Joins a directory of the repository and a path within it.
pub fn join_path(directory: &str, path: &str) -> String {
    match (directory, path) {
        ("", path) => path.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, path) => format!("{directory}/{path}"),
    }
}

/// Joins the two and removes `.`; `None` if the path leaves the repository or is nested too deeply.
fn resolve(directory: &str, path: &str) -> Option<String> {
    let part = |part| match part {
        Component::Normal(name) => Some(name.to_str().filter(|name| !name.contains('\\'))),
        Component::CurDir => None,
        _ => Some(None),
    };
    let parts: Vec<&str> = Path::new(path).components().filter_map(part).collect::<Option<_>>()?;
    let joined = join_path(directory, &parts.join("/"));
    (joined.split('/').count() <= MAX_DEPTH).then_some(joined)
}

/// Reads a JSON file; `None` if it is missing, too large or not JSON.
pub fn try_read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&read_bounded(path, MAX_JSON_BYTES).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    fn listed(root: &Path) -> Vec<(String, ModuleKind)> {
        list_modules(root).into_iter().map(|module| (module.directory, module.kind)).collect()
    }

    #[test]
    fn a_model_without_a_list_is_one_transformer() {
        let root = tempdir().unwrap();
        assert_eq!(listed(root.path()), [(String::new(), ModuleKind::Transformer)]);
    }

    #[test]
    fn a_router_in_a_directory_lists_nested_modules() {
        let root = tempdir().unwrap();
        fs::write(
            root.path().join(MODULES_FILE),
            r#"[{"path": "0_Router", "type": "sentence_transformers.models.Router"}]"#,
        )
        .unwrap();
        assert_eq!(listed(root.path()), [("0_Router".to_owned(), ModuleKind::Router)]);
        fs::create_dir(root.path().join("0_Router")).unwrap();
        let config = r#"{"types": {"": "a.MLMTransformer", "q/./s": "a.SparseStaticEmbedding", "../x": "a.Pooling"}}"#;
        fs::write(root.path().join("0_Router/router_config.json"), config).unwrap();
        let expected = [
            ("0_Router".to_owned(), ModuleKind::Transformer),
            ("0_Router".to_owned(), ModuleKind::Router),
            ("0_Router/q/s".to_owned(), ModuleKind::StaticEmbedding),
        ];
        assert_eq!(listed(root.path()), expected);
    }

    #[test]
    fn paths_stay_in_the_repository_and_are_bounded() {
        assert_eq!(resolve("", ""), Some(String::new()));
        assert_eq!(resolve("", "./a"), Some("a".to_owned()));
        assert_eq!(resolve("a", "b/c/d"), Some("a/b/c/d".to_owned()));
        for path in ["..", "../a", "b/../a", "/etc", "a\\b", "b/c/d/e"] {
            assert_eq!(resolve("a", path), None, "{path}");
        }
        let root = tempdir().unwrap();
        let many: Vec<_> = (0..1_000).map(|n| serde_json::json!({"path": format!("{n}"), "type": "a.B"})).collect();
        fs::write(root.path().join(MODULES_FILE), serde_json::to_string(&many).unwrap()).unwrap();
        assert_eq!(list_modules(root.path()).len(), MAX_MODULES);
    }
}
