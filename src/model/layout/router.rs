//! Routers, which select the modules that encode queries and documents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::super::json_file::{read_json, read_optional_json};
use super::super::{ModelError, keys};
use super::module::Module;
use crate::types::Role;

/// Modality of texts in route mappings.
const TEXT: &str = "text";

/// Configuration of a `Router` module.
#[derive(Debug)]
pub struct Router {
    directory: PathBuf,
    pub file: PathBuf,
    config: RouterConfig,
}

#[derive(Debug, Deserialize)]
struct RouterConfig {
    /// Class of each module by its directory; the empty name is the router's own directory.
    types: BTreeMap<String, String>,
    /// Modules of each route, in order.
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

/// Parses an object; an empty list counts as missing.
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

/// Element of a key in `route_mappings`.
#[derive(Debug, PartialEq, Eq)]
enum MappingKeyPart {
    Any,
    Name(String),
    /// Several modalities combined; never matches a text.
    Combined,
}

impl Router {
    /// Reads `router_config.json`, or `config.json` if that does not exist.
    ///
    /// # Errors
    /// [`ModelError::File`] if the file is missing, is not JSON, or names an unknown route.
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

    /// Checks that all referenced routes exist.
    fn check_routes(&self) -> Result<(), ModelError> {
        let RouterParameters { default_route, route_mappings } = &self.config.parameters;
        if let Some((key, _)) = route_mappings.iter().flatten().find(|(key, _)| parse_mapping_key(key).is_none()) {
            return Err(self.file_error(format!(
                "`route_mappings` has the key `{key}`; expected a Python tuple such as `('query', 'text')`"
            )));
        }
        let mapped_routes = route_mappings.iter().flatten().map(|(_, route)| route.as_str().unwrap_or_default());
        for route in default_route.as_deref().into_iter().chain(mapped_routes) {
            if !self.config.structure.contains_key(route) {
                let routes = self.config.structure.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
                return Err(self
                    .file_error(format!("route `{route}` does not exist in `structure`; expected one of `{routes}`")));
            }
        }
        Ok(())
    }

    /// Returns the modules that encode texts of a role, in order.
    ///
    /// # Errors
    /// [`ModelError::File`] if there is no route for the role, or `types` lacks the class of a module.
    pub fn resolve_route(&self, role: Role) -> Result<Vec<Module>, ModelError> {
        let task = role.as_str();
        let name = self.find_mapped_route(task).unwrap_or(task);
        // Without a route named after the task, the route of the modality applies.
        let route_modules = [name, TEXT].into_iter().find_map(|name| self.config.structure.get(name));
        let module_paths = route_modules.ok_or_else(|| {
            self.file_error(format!("route `{task}` does not exist; expected routes for query and document"))
        })?;
        let module = |part: &String| match self.config.types.get(part) {
            Some(class) => Module::new(&self.directory, part, class.clone(), &self.file),
            None => Err(self.file_error(format!("`types` has no class for the module `{part}`"))),
        };
        module_paths.iter().map(module).collect()
    }

    /// Finds the route that `route_mappings` has for a task with modality text, in sentence-transformers' order of
    /// precedence: exact, task, modality, default.
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

/// Parses a Python tuple: `('query', 'text')`, `(None, 'text')`.
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
    // Escapes and nested commas are not supported.
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
    fn the_most_specific_mapping_takes_precedence() {
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
