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
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    default_route: Option<String>,
    /// Routes by task and modality, such as `('query', 'text')`.
    #[serde(deserialize_with = "mappings")]
    route_mappings: Option<Map<String, Value>>,
}

/// An object; an empty list stands for none.
fn mappings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Array(list) if list.is_empty() => Ok(None),
        Value::Object(mappings) => Ok(Some(mappings)),
        other => Err(D::Error::custom(format!("`route_mappings` is {other}; expected an object"))),
    }
}

/// A part of a key of `route_mappings`.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Any,
    Name(String),
    /// A combination of modalities, which no text is.
    Several,
}

impl Router {
    /// Reads `router_config.json`, or `config.json` where there is none.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or names routes that don't exist.
    pub fn read(directory: &Path, unknown: &mut Vec<String>) -> Result<Self, ModelError> {
        let own = directory.join("router_config.json");
        let (file, value) = match read_optional_json::<Value>(&own)? {
            Some(value) => (own, value),
            None => {
                let fallback = directory.join("config.json");
                match read_optional_json::<Value>(&fallback)? {
                    Some(value) if value.get("structure").is_some() => (fallback, value),
                    _ => (own.clone(), read_json(&own)?),
                }
            }
        };
        unknown.extend(keys::ROUTER.check(&file, &value)?);
        let config: RouterConfig = serde_json::from_value(value).map_err(|error| ModelError::file(&file, error))?;
        let router = Self { directory: directory.to_owned(), file, config };
        router.check_routes()?;
        Ok(router)
    }

    fn problem(&self, problem: impl ToString) -> ModelError {
        ModelError::file(&self.file, problem)
    }

    /// All routes that are mentioned must exist.
    fn check_routes(&self) -> Result<(), ModelError> {
        let Parameters { default_route, route_mappings } = &self.config.parameters;
        if let Some((key, _)) = route_mappings.iter().flatten().find(|(key, _)| parse_key(key).is_none()) {
            return Err(self.problem(format!(
                "`route_mappings` has the key `{key}`; expected a pair as Python writes it, such as `('query', 'text')`"
            )));
        }
        let mapped = route_mappings.iter().flatten().map(|(_, route)| route.as_str().unwrap_or_default());
        for route in default_route.as_deref().into_iter().chain(mapped) {
            if !self.config.structure.contains_key(route) {
                let routes = self.config.structure.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
                return Err(self.problem(format!("there is no route `{route}` in `structure`; there is `{routes}`")));
            }
        }
        Ok(())
    }

    /// The modules that encode texts of a role, in order.
    ///
    /// # Errors
    /// If there is no route for it, or `types` lacks a module's class.
    pub fn route(&self, role: Role) -> Result<Vec<Module>, ModelError> {
        let task = role.as_str();
        let name = self.mapped(task).unwrap_or(task);
        // Without a route of the task's name, that of the modality is taken.
        let parts = [name, TEXT].into_iter().find_map(|name| self.config.structure.get(name));
        let parts = parts.ok_or_else(|| {
            self.problem(format!("there is no route `{task}`; expected routes for query and document"))
        })?;
        let module = |part: &String| match self.config.types.get(part) {
            Some(class) => Module::new(&self.directory, part, class.clone(), &self.file),
            None => Err(self.problem(format!("`types` does not name the class of `{part}`"))),
        };
        parts.iter().map(module).collect()
    }

    /// The route that `route_mappings` has for a task and texts: the most exact one.
    fn mapped(&self, task: &str) -> Option<&str> {
        let mappings: Vec<_> = self.config.parameters.route_mappings.iter().flatten().collect();
        let is_task = |part: &Part| matches!(part, Part::Name(name) if name == task);
        let is_text = |part: &Part| matches!(part, Part::Name(name) if name == TEXT);
        let find = |is_wanted: &dyn Fn(&Part, &Part) -> bool| {
            mappings.iter().find_map(|(key, route)| {
                let (task, modality) = parse_key(key)?;
                is_wanted(&task, &modality).then(|| route.as_str())?
            })
        };
        find(&|task, modality| is_task(task) && is_text(modality))
            .or_else(|| find(&|task, modality| is_task(task) && *modality == Part::Any))
            .or_else(|| find(&|task, modality| *task == Part::Any && is_text(modality)))
            .or_else(|| find(&|task, modality| *task == Part::Any && *modality == Part::Any))
    }
}

/// A pair as Python writes it: `('query', 'text')`, `(None, 'text')`.
fn parse_key(key: &str) -> Option<(Part, Part)> {
    let inner = key.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (task, modality) = inner.split_once(',')?;
    Some((parse_part(task)?, parse_part(modality.trim().trim_end_matches(','))?))
}

fn parse_part(text: &str) -> Option<Part> {
    let text = text.trim();
    if text == "None" {
        return Some(Part::Any);
    }
    if text.starts_with(['(', '[']) {
        return Some(Part::Several);
    }
    let quoted = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))?;
    // Escapes and texts of several parts are not read.
    (!quoted.contains(['\\', '\'', '"', ','])).then(|| Part::Name(quoted.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_mappings_are_pairs() {
        let name = |name: &str| Part::Name(name.to_owned());
        assert_eq!(parse_key("('query', 'text')"), Some((name("query"), name("text"))));
        assert_eq!(parse_key("(None, \"text\")"), Some((Part::Any, name("text"))));
        assert_eq!(parse_key("('query', None)"), Some((name("query"), Part::Any)));
        assert_eq!(parse_key("('query', ('image', 'text'))"), Some((name("query"), Part::Several)));
        assert_eq!(parse_key("query"), None);
        assert_eq!(parse_key("(query, text)"), None);
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
        assert_eq!((both.mapped("query"), both.mapped("document")), (Some("b"), Some("a")));
        let exact = router(serde_json::json!({"('query', None)": "b", "('query', 'text')": "a", "(None, None)": "b"}));
        assert_eq!((exact.mapped("query"), exact.mapped("document")), (Some("a"), Some("b")));
        assert_eq!(router(serde_json::json!(null)).mapped("query"), None);
    }
}
