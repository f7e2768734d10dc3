//! How a folder says which parts encode documents and which encode queries.
//!
//! A masked language model alone encodes both. sentence-transformers lists the parts in `modules.json`: a transformer and a
//! pooling, or a router with a list for each role.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::settings::{PoolingConfig, read_json, read_optional};
use super::static_encoder::StaticSettings;
use super::{ModelError, Settings, files};

/// What a model is made of.
pub struct Layout {
    pub document: Settings,
    /// `None`: queries are encoded as documents are.
    pub query: Option<QuerySettings>,
}

/// What encodes queries.
pub enum QuerySettings {
    Transformer(Settings),
    Static(StaticSettings),
}

#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

#[derive(Deserialize)]
struct RouterConfig {
    /// The class of each module by its folder, which is empty for the router's own.
    types: BTreeMap<String, String>,
    /// The modules of each route, in order.
    structure: BTreeMap<String, Vec<String>>,
}

const MODULES: &str = "modules.json";
const EXPECTED: &str = "expected MLMTransformer and SpladePooling, SparseStaticEmbedding, or a Router of these";

impl Layout {
    /// Reads a model's folder.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what this service can't do; each by name.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        check_prompts(&folder.join("config_sentence_transformers.json"))?;
        let file = folder.join(MODULES);
        let modules: Vec<Module> = read_optional(&file)?.unwrap_or_default();
        if let [router] = &modules[..]
            && class(&router.r#type) == "Router"
        {
            return Self::of_router(folder, &inside(folder, &router.path, &file)?);
        }
        let modules = modules.iter().map(|module| Ok((inside(folder, &module.path, &file)?, &*module.r#type)));
        match side(folder, folder, &modules.collect::<Result<Vec<_>, _>>()?, &file)? {
            QuerySettings::Transformer(document) => Ok(Self { document, query: None }),
            QuerySettings::Static(_) => {
                Err(ModelError::file(&file, "nothing here encodes documents; expected an MLMTransformer"))
            }
        }
    }

    fn of_router(root: &Path, folder: &Path) -> Result<Self, ModelError> {
        let file = folder.join("router_config.json");
        let RouterConfig { types, structure } = read_json(&file)?;
        let route = |name: &str| {
            let Some(parts) = structure.get(name) else {
                return Err(ModelError::file(
                    &file,
                    format!("there is no route `{name}`; expected query and document"),
                ));
            };
            let parts = parts.iter().map(|part| match types.get(part) {
                Some(class) => Ok((inside(folder, part, &file)?, class.as_str())),
                None => Err(ModelError::file(&file, format!("`types` does not name the class of `{part}`"))),
            });
            side(root, folder, &parts.collect::<Result<Vec<_>, _>>()?, &file)
        };
        match route("document")? {
            QuerySettings::Transformer(document) => Ok(Self { document, query: Some(route("query")?) }),
            QuerySettings::Static(_) => {
                Err(ModelError::file(&file, "the route `document` is static; expected an MLMTransformer"))
            }
        }
    }
}

/// What a list of modules encodes with.
fn side(root: &Path, folder: &Path, modules: &[(PathBuf, &str)], file: &Path) -> Result<QuerySettings, ModelError> {
    let mut base = folder.to_owned();
    let mut pooling = PoolingConfig::default();
    for (path, module) in modules {
        match class(module) {
            "MLMTransformer" | "Transformer" => base.clone_from(path),
            "SpladePooling" => pooling = read_json(&path.join("config.json"))?,
            "SparseStaticEmbedding" if modules.len() == 1 => {
                return StaticSettings::read(root, path).map(QuerySettings::Static);
            }
            other => {
                return Err(ModelError::file(file, format!("module `{other}` is not supported here; {EXPECTED}")));
            }
        }
    }
    Settings::read(&base, pooling).map(QuerySettings::Transformer)
}

/// The folder of a module that `file` names.
fn inside(folder: &Path, module: &str, file: &Path) -> Result<PathBuf, ModelError> {
    files::inside(folder, module)
        .ok_or_else(|| ModelError::file(file, format!("the module `{module}` is outside the model's folder")))
}

/// `Router` of `sentence_transformers.models.Router`.
fn class(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// A prompt is put before each text; a model that wants one would get other vectors here than it should.
fn check_prompts(path: &Path) -> Result<(), ModelError> {
    let config: Value = read_optional(path)?.unwrap_or_default();
    let prompts = config.get("prompts").and_then(Value::as_object).into_iter().flatten();
    match prompts.filter(|(_, prompt)| prompt.as_str() != Some("")).map(|(name, _)| name).next() {
        None => Ok(()),
        Some(name) => Err(ModelError::file(path, format!("prompt `{name}`: models with prompts are not supported"))),
    }
}
