//! Parsed configuration file: the flags that it sets, and its errors.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::suggest::suggest_key;
use super::value_type::ValueType;
use crate::config::source::FileSource;

/// Name of the flag that selects the file. The file can't set it.
const CONFIG_FLAG: &str = "config";
/// Maximum number of characters of a key that a message shows.
const MAX_SHOWN_KEY_CHARS: usize = 100;
/// Maximum number of syntax errors reported: later ones are often consequences of the first.
const MAX_SHOWN_SYNTAX_ERRORS: usize = 3;

/// Parsed contents of a file. `source.lines` is filled in by the caller.
#[derive(Debug, Default)]
pub struct ConfigDocument {
    pub entries: Vec<ConfigEntry>,
    pub source: FileSource,
}

/// Flag set by the file.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Current name of the flag without `--`, also if the key is an earlier name.
    pub flag: String,
    pub line: usize,
    pub values: Vec<String>,
}

impl ConfigEntry {
    /// Returns the entry as command-line arguments.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        self.values.iter().map(|text| format!("--{}={text}", self.flag))
    }
}

/// Parses the text of a file for the flags of a command.
pub fn parse_document(text: &str, path: &Path, command: &Command) -> ConfigDocument {
    let mut document = ConfigDocument::new(path);
    let (table, errors) = DeTable::parse_recoverable(text);
    let line_at = |offset: usize| 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
    let invalid_lines = document.add_syntax_errors(&errors, line_at);
    for (key, value) in table.get_ref() {
        let line = line_at(key.span().start);
        if !invalid_lines.contains(&line) {
            document.add_key(key.get_ref(), value, line, command);
        }
    }
    document.entries.sort_by_key(|entry| entry.line);
    document
}

impl ConfigDocument {
    fn new(path: &Path) -> Self {
        Self { source: FileSource { path: path.to_owned(), ..FileSource::default() }, ..Self::default() }
    }

    /// Creates a document without entries for a file that can't be read.
    pub fn unreadable(path: &Path, problem: String) -> Self {
        let mut document = Self::new(path);
        document.source.errors.push(format!("--{CONFIG_FLAG}: {}: {problem}", path.display()));
        document
    }

    /// Records the first syntax errors. Returns the lines of all of them; keys and values on these lines are ignored, because
    /// the parser guesses them.
    fn add_syntax_errors(&mut self, errors: &[Error], line_at: impl Fn(usize) -> usize) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        for (index, error) in errors.iter().enumerate() {
            let line = line_at(error.span().map_or(0, |span| span.start));
            if index < MAX_SHOWN_SYNTAX_ERRORS {
                self.add_error(line, &format!("invalid TOML: {}", error.message()));
            }
            lines.insert(line);
        }
        lines
    }

    /// Records an error that doesn't belong to a flag.
    fn add_error(&mut self, line: usize, problem: &str) {
        self.source.errors.push(format!("--{CONFIG_FLAG}: {}:{line}: {problem}", self.source.path.display()));
    }

    fn add_key(&mut self, key: &str, value: &Spanned<DeValue<'_>>, line: usize, command: &Command) {
        let has_key = |flag: &Arg| flag.get_all_aliases().is_some_and(|aliases| aliases.contains(&key));
        let mut flags = command.get_arguments().filter_map(|flag| Some((flag.get_long()?, flag)));
        match flags.find(|(name, flag)| *name == key || has_key(flag)) {
            Some((CONFIG_FLAG, _)) => self.add_error(line, "`config` can't be set in the file itself; remove the key"),
            Some((name, _)) if self.entries.iter().any(|entry| entry.flag == name) => {
                self.add_error(
                    line,
                    &format!("the file sets `{name}` twice, once by its earlier name; remove one of the keys"),
                );
            }
            Some((name, flag)) => self.add_value(name, value.get_ref(), line, flag),
            None => self.add_error(line, &describe_unknown(key, value.get_ref(), command)),
        }
    }

    fn add_value(&mut self, name: &str, value: &DeValue<'_>, line: usize, flag: &Arg) {
        let value_type = ValueType::from_arg(flag);
        match value_type.to_flag_values(value) {
            Ok(texts) => self.entries.push(ConfigEntry { flag: name.to_owned(), line, values: texts }),
            Err(problem) => {
                let (path, expected) = (self.source.path.display(), value_type.describe_expected(flag));
                let remedy = "or remove the key to use the default";
                self.source.errors.push(format!("--{name} ({path}:{line}): {problem}; expected {expected}, {remedy}"));
            }
        }
    }
}

fn describe_unknown(key: &str, value: &DeValue<'_>, command: &Command) -> String {
    let shown_key: String = key.escape_debug().take(MAX_SHOWN_KEY_CHARS).collect();
    if value.is_table() {
        return format!(
            "unknown table `{shown_key}`; write each key at the top level, named like the flag without `--`"
        );
    }
    let known_flags = command.get_arguments().filter_map(Arg::get_long).filter(|known| *known != CONFIG_FLAG);
    match suggest_key(key, known_flags) {
        Some(known) => format!("unknown key `{shown_key}`; did you mean `{known}`?"),
        None => format!("unknown key `{shown_key}`; a key is the name of a flag of `serve` without `--`"),
    }
}
