//! A table of keys, and the check of a file against it.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::ModelError;

/// One key of a file, or all keys below it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its path in dots, such as `processing_kwargs.text.max_length`; `*` stands for any name
    /// and `*_token` for one that ends so.
    pub path: &'static str,
    pub rule: Rule,
    /// What it does, why it is irrelevant, or what to do where its value is refused.
    pub about: &'static str,
}

/// What is done about a key.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// It decides vectors, and is followed.
    Honoured,
    /// Any value but these, which are JSON texts, is refused. Missing is one of them.
    Only(&'static [&'static str]),
    /// No value changes a vector.
    Irrelevant,
}

pub const fn honoured(path: &'static str, about: &'static str) -> Key {
    Key { path, rule: Rule::Honoured, about }
}

pub const fn only(path: &'static str, values: &'static [&'static str], about: &'static str) -> Key {
    Key { path, rule: Rule::Only(values), about }
}

pub const fn irrelevant(path: &'static str, about: &'static str) -> Key {
    Key { path, rule: Rule::Irrelevant, about }
}

/// The keys of one kind of file.
#[derive(Debug)]
pub struct KeyTable {
    /// The file's name, as the documentation has it.
    pub file: &'static str,
    /// Which models it is for.
    pub scope: &'static str,
    pub keys: &'static [&'static [Key]],
}

impl KeyTable {
    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    /// Checks the object in a file, and returns the paths of the keys that no table has.
    ///
    /// # Errors
    /// If it is no object, or a key has a value that is refused: the key, its value and what to do.
    pub fn check(&self, file: &Path, object: &Value) -> Result<Vec<String>, ModelError> {
        let Value::Object(object) = object else {
            return Err(ModelError::file(file, "it is not a JSON object"));
        };
        let mut unknown = Vec::new();
        self.check_object(object, "", &mut unknown).map_err(|problem| ModelError::file(file, problem))?;
        Ok(unknown)
    }

    fn check_object(&self, object: &Map<String, Value>, prefix: &str, unknown: &mut Vec<String>) -> Result<(), String> {
        for (name, value) in object {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Some(key) = self.find(&path) {
                key.check(&path, value)?;
            } else if self.iter().any(|key| is_below(key.path, &path)) {
                match value {
                    Value::Object(inner) => self.check_object(inner, &path, unknown)?,
                    Value::Null => {}
                    other => return Err(format!("`{path}` is {}; expected an object", shortened(other))),
                }
            } else {
                unknown.push(path);
            }
        }
        Ok(())
    }

    /// Whether a key inside of `path` is honoured.
    pub fn has_honoured_below(&self, path: &str) -> bool {
        self.iter().any(|key| matches!(key.rule, Rule::Honoured) && is_below(key.path, path))
    }

    /// The entry of a path; one that names it before one with a `*`.
    pub fn find(&self, path: &str) -> Option<&'static Key> {
        let exact = self.iter().find(|key| key.path == path);
        exact.or_else(|| self.iter().find(|key| matches(key.path, path)))
    }
}

impl Key {
    fn check(&self, path: &str, value: &Value) -> Result<(), String> {
        let Rule::Only(values) = self.rule else { return Ok(()) };
        if value.is_null() || values.iter().any(|allowed| is_equal(allowed, value)) {
            return Ok(());
        }
        let expected = match values {
            [] => "it is supported only where it is missing or null".to_owned(),
            values => format!("supported: {}", values.join(", ")),
        };
        Err(format!("`{path}` is {}; {expected}: {}", shortened(value), self.about))
    }
}

/// A value for a message.
fn shortened(value: &Value) -> String {
    const MAX: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(MAX) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Whether a value is the one that a JSON text has; 1 and 1.0 are equal.
fn is_equal(json: &str, value: &Value) -> bool {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Number(number)) => number.as_f64() == value.as_f64(),
        Ok(parsed) => parsed == *value,
        Err(_) => false,
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(name)) if is_name(expected, name) => {}
            _ => return false,
        }
    }
}

/// Whether `pattern` names something inside `path`.
fn is_below(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.split('.');
    path.split('.').all(|name| pattern.next().is_some_and(|expected| is_name(expected, name)))
        && pattern.next().is_some()
}

/// Whether a part of a pattern, such as `*` or `*_token`, stands for a name.
fn is_name(expected: &str, name: &str) -> bool {
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
            honoured("size", "the size"),
            only("rope.*.type", &["\"default\"", "1"], "convert it"),
            irrelevant("rope.note", "a note"),
            only("code", &[], "remove it"),
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
        assert!(check(json!({"code": {}})).unwrap_err().contains("only where it is missing or null: remove it"));
        assert!(check(json!({"rope": 1})).unwrap_err().contains("expected an object"));
        assert!(check(json!([])).unwrap_err().contains("not a JSON object"));
    }
}
