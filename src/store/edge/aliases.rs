//! Aliases of collections, in one small file in the store's directory.
//!
//! The file is replaced atomically: after a crash it contains either all aliases from before a change or all from after it.
//!
//! See docs/adr/0038-aliases.md.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::disk_space::check_free_space;
use super::error::file_error;
use crate::durable;
use crate::store::StoreError;

const ALIASES_FILE: &str = "aliases.json";

/// Target collections by alias.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Reads the alias file in a store's directory; a missing file means no aliases. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the file can't be read or is damaged.
    pub(super) fn read(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(ALIASES_FILE);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|error| file_error("read the file", &path, &error))?,
        };
        serde_json::from_slice(&text).map(Self).map_err(|error| {
            let path = path.display();
            StoreError::Failed(format!(
                "{path} is damaged ({error}); restore it, or remove it and set the aliases again"
            ))
        })
    }

    /// Replaces the alias file in a store's directory, durably. Blocks.
    pub(super) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        check_free_space(dir)?;
        let path = dir.join(ALIASES_FILE);
        let text = serde_json::to_vec_pretty(&self.0).map_err(io::Error::from);
        let result = text.and_then(|text| durable::replace_file(&path, &text));
        result.map_err(|error| file_error("write the file", &path, &error))
    }

    /// Returns the collection that an alias points to.
    pub(super) fn get(&self, alias: &str) -> Option<&str> {
        self.0.get(alias).map(String::as_str)
    }

    pub(super) fn set(&mut self, alias: &str, collection: &str) {
        self.0.insert(alias.to_owned(), collection.to_owned());
    }

    /// Removes an alias. Returns whether it existed.
    pub(super) fn remove(&mut self, alias: &str) -> bool {
        self.0.remove(alias).is_some()
    }

    /// Returns all aliases with their collections.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_reports_a_damaged_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path();
        let mut aliases = Aliases::read(path).expect("no file is no alias");
        assert_eq!(aliases, Aliases::default());
        aliases.set("docs", "docs-v1");
        aliases.set("docs", "docs-v2");
        aliases.write(path).expect("it can be written");
        // A temporary file that a crash may leave behind.
        fs::write(path.join("aliases.json.new"), "{\"docs\": ").expect("a file");
        assert_eq!(Aliases::read(path), Ok(aliases.clone()));
        assert_eq!(aliases.get("docs"), Some("docs-v2"));
        assert!(aliases.remove("docs") && !aliases.remove("docs"));
        aliases.write(path).expect("it can be written");
        assert_eq!(Aliases::read(path), Ok(Aliases::default()));
        fs::write(path.join(ALIASES_FILE), "{\"docs\": ").expect("a file");
        let damaged = Aliases::read(path).expect_err("a truncated file").to_string();
        assert!(damaged.contains(ALIASES_FILE) && damaged.contains("set the aliases again"), "{damaged}");
    }
}
