//! Routers: which modules encode a query and which a document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::super::json_file::{read_json, read_optional_json};
use super::super::{ModelError, keys};
use super::module::Module;
use crate::types::Role;

/// The modality of what is encoded here.
const TEXT: &str = "text";

/// The configuration of a `Router`.
#[derive(Debug)]
pub struct Router {
    directory: PathBuf,
    pub file: PathBuf,
    config: RouterConfig,
}

#[derive(Debug, Deserialize)]
struct RouterConfig {
    /// The class of each module by its directory, which is empty for the router's own.
    types: BTreeMap<String, String>,
    /// The modules of each route, in order.
    structure: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    parameters: RouterParameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RouterParameters {
    default_route: Option<String>,
    /// Routes by task and modality, such as `('query', 'text')`.
    #[serde(deserialize_with = "deserialize_route_mappings")]
    route_mappings: Option<Map<String, Value>>,
}

/// An object; an empty list stands for none.
fn deserialize_route_mappings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Array(list) if list.is_empty() => Ok(None),
        Value::Object(mappings) => Ok(Some(mappings)),
        other => Err(D::Error::custom(format!("`route_mappings` is {other}; expected an object"))),
    }
}

/// A part of a key of `route_mappings`.
#[derive(Debug, PartialEq, Eq)]
enum MappingKeyPart {
    Any,
    Name(String),
    /// A combination of modalities, which no text is.
    Combined,
}

impl Router {
    /// Reads `router_config.json`, or `config.json` where there is none.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or names routes that don't exist.
    pub fn read(directory: &Path, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let router_file = directory.join("router_config.json");
        let (file, value) = match read_optional_json::<Value>(&router_file)? {
            Some(value) => (router_file, value),
            None => {
                let fallback = directory.join("config.json");
                match read_optional_json::<Value>(&fallback)? {
                    Some(value) if value.get("structure").is_some() => (fallback, value),
                    _ => (router_file.clone(), read_json(&router_file)?),
                }
            }
        };
        unknown_keys.extend(keys::ROUTER.check(&file, &value)?);
        let config: RouterConfig = serde_json::from_value(value).map_err(|error| ModelError::file(&file, error))?;
        let router = Self { directory: directory.to_owned(), file, config };
        router.check_routes()?;
        Ok(router)
    }

    fn file_error(&self, problem: impl ToString) -> ModelError {
        ModelError::file(&self.file, problem)
    }

    /// All routes that are mentioned must exist.
    fn check_routes(&self) -> Result<(), ModelError> {
        let RouterParameters { default_route, route_mappings } = &self.config.parameters;
        if let Some((key, _)) = route_mappings.iter().flatten().find(|(key, _)| parse_mapping_key(key).is_none()) {
            return Err(self.file_error(format!(
                "`route_mappings` has the key `{key}`; expected a pair as Python writes it, such as `('query', 'text')`"
            )));
        }
        let mapped_routes = route_mappings.iter().flatten().map(|(_, route)| route.as_str().unwrap_or_default());
        for route in default_route.as_deref().into_iter().chain(mapped_routes) {
            if !self.config.structure.contains_key(route) {
                let routes = self.config.structure.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
                return Err(self.file_error(format!("there is no route `{route}` in `structure`; there is `{routes}`")));
            }
        }
        Ok(())
    }

    /// The modules that encode texts of a role, in order.
    ///
    /// # Errors
    /// If there is no route for it, or `types` lacks a module's class.
    pub fn resolve_route(&self, role: Role) -> Result<Vec<Module>, ModelError> {
        let task = role.as_str();
        let name = self.find_mapped_route(task).unwrap_or(task);
        // Without a route of the task's name, that of the modality is taken.
        let route_modules = [name, TEXT].into_iter().find_map(|name| self.config.structure.get(name));
        let module_paths = route_modules.ok_or_else(|| {
            self.file_error(format!("there is no route `{task}`; expected routes for query and document"))
        })?;
        let module = |part: &String| match self.config.types.get(part) {
            Some(class) => Module::new(&self.directory, part, class.clone(), &self.file),
            None => Err(self.file_error(format!("`types` does not name the class of `{part}`"))),
        };
        module_paths.iter().map(module).collect()
    }

    /// The route that `route_mappings` has for a task and texts: the most exact one.
    fn find_mapped_route(&self, task: &str) -> Option<&str> {
        let mappings: Vec<_> = self.config.parameters.route_mappings.iter().flatten().collect();
        let is_task = |part: &MappingKeyPart| matches!(part, MappingKeyPart::Name(name) if name == task);
        let is_text = |part: &MappingKeyPart| matches!(part, MappingKeyPart::Name(name) if name == TEXT);
        let find = |is_wanted: &dyn Fn(&MappingKeyPart, &MappingKeyPart) -> bool| {
            mappings.iter().find_map(|(key, route)| {
                let (task, modality) = parse_mapping_key(key)?;
                is_wanted(&task, &modality).then(|| route.as_str())?
            })
        };
        find(&|task, modality| is_task(task) && is_text(modality))
            .or_else(|| find(&|task, modality| is_task(task) && *modality == MappingKeyPart::Any))
            .or_else(|| find(&|task, modality| *task == MappingKeyPart::Any && is_text(modality)))
            .or_else(|| find(&|task, modality| *task == MappingKeyPart::Any && *modality == MappingKeyPart::Any))
    }
}

/// A pair as Python writes it: `('query', 'text')`, `(None, 'text')`.
fn parse_mapping_key(key: &str) -> Option<(MappingKeyPart, MappingKeyPart)> {
    let inner = key.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (task, modality) = inner.split_once(',')?;
    Some((parse_key_part(task)?, parse_key_part(modality.trim().trim_end_matches(','))?))
}

fn parse_key_part(text: &str) -> Option<MappingKeyPart> {
    let text = text.trim();
    if text == "None" {
        return Some(MappingKeyPart::Any);
    }
    if text.starts_with(['(', '[']) {
        return Some(MappingKeyPart::Combined);
    }
    let quoted = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))?;
    // Escapes and texts of several parts are not read.
    (!quoted.contains(['\\', '\'', '"', ','])).then(|| MappingKeyPart::Name(quoted.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_mappings_are_pairs() {
        let name = |name: &str| MappingKeyPart::Name(name.to_owned());
        assert_eq!(parse_mapping_key("('query', 'text')"), Some((name("query"), name("text"))));
        assert_eq!(parse_mapping_key("(None, \"text\")"), Some((MappingKeyPart::Any, name("text"))));
        assert_eq!(parse_mapping_key("('query', None)"), Some((name("query"), MappingKeyPart::Any)));
        assert_eq!(parse_mapping_key("('query', ('image', 'text'))"), Some((name("query"), MappingKeyPart::Combined)));
        assert_eq!(parse_mapping_key("query"), None);
        assert_eq!(parse_mapping_key("(query, text)"), None);
    }

    #[test]
    fn the_most_exact_mapping_decides() {
        let router = |mappings: Value| Router {
            directory: PathBuf::new(),
            file: PathBuf::new(),
            config: serde_json::from_value(serde_json::json!({
                "types": {}, "structure": {"query": [], "document": [], "a": [], "b": []},
                "parameters": {"route_mappings": mappings},
            }))
            .unwrap(),
        };
        let both = router(serde_json::json!({"(None, 'text')": "a", "('query', None)": "b"}));
        assert_eq!((both.find_mapped_route("query"), both.find_mapped_route("document")), (Some("b"), Some("a")));
        let exact = router(serde_json::json!({"('query', None)": "b", "('query', 'text')": "a", "(None, None)": "b"}));
        assert_eq!((exact.find_mapped_route("query"), exact.find_mapped_route("document")), (Some("a"), Some("b")));
        assert_eq!(router(serde_json::json!(null)).find_mapped_route("query"), None);
    }
}
