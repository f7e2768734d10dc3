//! Key tables, and the check of a file against them.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::ModelError;

/// Entry of a table: one key, or all keys that match a pattern.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Dotted path, such as `processing_kwargs.text.max_length`; `*` matches any name and `*_token` any name with that
    /// suffix.
    pub path: &'static str,
    pub rule: KeyRule,
    /// Effect of the key, the reason why it is irrelevant, or the remedy for an unsupported value.
    pub note: &'static str,
}

/// Treatment of a key.
#[derive(Debug, Clone, Copy)]
pub enum KeyRule {
    /// The key determines vectors and is followed.
    Honoured,
    /// Only the given values (as JSON) are accepted; a missing key or null always is.
    Restricted(&'static [&'static str]),
    /// The key has no effect on vectors.
    Ignored,
}

/// Creates an entry for a key that determines vectors; `about` is its effect.
pub const fn honour(path: &'static str, about: &'static str) -> KeySpec {
    KeySpec { path, rule: KeyRule::Honoured, note: about }
}

/// Creates an entry that accepts only `values`; `about` is the reason or the remedy, and part of the error.
pub const fn restrict(path: &'static str, values: &'static [&'static str], about: &'static str) -> KeySpec {
    KeySpec { path, rule: KeyRule::Restricted(values), note: about }
}

/// Creates an entry for a key without effect; `about` is the reason.
pub const fn ignore(path: &'static str, about: &'static str) -> KeySpec {
    KeySpec { path, rule: KeyRule::Ignored, note: about }
}

/// Table of the keys of one file.
#[derive(Debug)]
pub struct KeyTable {
    /// Name of the file, for the documentation.
    pub file: &'static str,
    /// Models or modules that the table applies to, for the documentation.
    pub scope: &'static str,
    pub keys: &'static [&'static [KeySpec]],
}

impl KeyTable {
    /// Iterates over all entries.
    pub fn iter(&self) -> impl Iterator<Item = &'static KeySpec> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    /// Checks the object in a file and returns the paths of its unknown keys.
    ///
    /// # Errors
    /// [`ModelError::File`] if it is not an object, or a restricted key has another value: with key, value and remedy.
    pub fn check(&self, file: &Path, object: &Value) -> Result<Vec<String>, ModelError> {
        let Value::Object(object) = object else {
            return Err(ModelError::file(file, "expected a JSON object"));
        };
        let mut unknown_keys = Vec::new();
        self.check_object(object, "", &mut unknown_keys).map_err(|problem| ModelError::file(file, problem))?;
        Ok(unknown_keys)
    }

    fn check_object(
        &self,
        object: &Map<String, Value>,
        prefix: &str,
        unknown_keys: &mut Vec<String>,
    ) -> Result<(), String> {
        for (name, value) in object {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Some(key) = self.find(&path) {
                key.check(&path, value)?;
            } else if self.iter().any(|key| is_below(key.path, &path)) {
                match value {
                    Value::Object(inner) => self.check_object(inner, &path, unknown_keys)?,
                    Value::Null => {}
                    other => return Err(format!("`{path}` is {}; expected an object", truncate_value(other))),
                }
            } else {
                unknown_keys.push(path);
            }
        }
        Ok(())
    }

    /// Returns true if a key below `path` is applied.
    pub fn has_honoured_below(&self, path: &str) -> bool {
        self.iter().any(|key| matches!(key.rule, KeyRule::Honoured) && is_below(key.path, path))
    }

    /// Finds the entry of a path. An exact path takes precedence over a pattern.
    pub fn find(&self, path: &str) -> Option<&'static KeySpec> {
        let exact = self.iter().find(|key| key.path == path);
        exact.or_else(|| self.iter().find(|key| matches_pattern(key.path, path)))
    }
}

impl KeySpec {
    fn check(&self, path: &str, value: &Value) -> Result<(), String> {
        let KeyRule::Restricted(values) = self.rule else { return Ok(()) };
        if value.is_null() || values.iter().any(|allowed| equals_json(allowed, value)) {
            return Ok(());
        }
        let expected = match values {
            [] => "supported only if missing or null".to_owned(),
            values => format!("supported: {}", values.join(", ")),
        };
        Err(format!("`{path}` is {}; {expected}: {}", truncate_value(value), self.note))
    }
}

/// Formats a value for a message, truncated.
fn truncate_value(value: &Value) -> String {
    const MAX_CHARS: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Compares a value with JSON text; 1 and 1.0 are equal.
fn equals_json(json: &str, value: &Value) -> bool {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Number(number)) => number.as_f64() == value.as_f64(),
        Ok(parsed) => parsed == *value,
        Err(_) => false,
    }
}

fn matches_pattern(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(name)) if matches_segment(expected, name) => {}
            _ => return false,
        }
    }
}

/// Returns true if `pattern` is a path below `path`.
fn is_below(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.split('.');
    path.split('.').all(|name| pattern.next().is_some_and(|expected| matches_segment(expected, name)))
        && pattern.next().is_some()
}

/// Matches a segment of a pattern, such as `*` or `*_token`, with a name.
fn matches_segment(expected: &str, name: &str) -> bool {
    match expected.strip_prefix('*') {
        Some(suffix) => name.ends_with(suffix),
        None => expected == name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: KeyTable = KeyTable {
        file: "config.json",
        scope: "",
        keys: &[&[
            honour("size", "the size"),
            restrict("rope.*.type", &["\"default\"", "1"], "convert it"),
            ignore("rope.note", "a note"),
            restrict("code", &[], "remove it"),
        ]],
    };

    #[test]
    fn keys_are_honoured_refused_or_unknown() {
        let check = |value: Value| TABLE.check(Path::new("config.json"), &value).map_err(|error| error.to_string());
        assert_eq!(check(json!({"size": [1], "rope": {"note": 7, "full": {"type": "default"}}})), Ok(vec![]));
        assert_eq!(check(json!({"rope": null, "code": null})), Ok(vec![]));
        assert_eq!(
            check(json!({"rope": {"full": {"type": 1.0, "x": 2}}, "y": {}})),
            Ok(vec!["rope.full.x".into(), "y".into()])
        );
        let error = check(json!({"rope": {"full": {"type": "yarn"}}})).unwrap_err();
        assert_eq!(error, "config.json: `rope.full.type` is \"yarn\"; supported: \"default\", 1: convert it");
        assert!(check(json!({"code": {}})).unwrap_err().contains("only if missing or null: remove it"));
        assert!(check(json!({"rope": 1})).unwrap_err().contains("expected an object"));
        assert!(check(json!([])).unwrap_err().contains("expected a JSON object"));
    }
}
