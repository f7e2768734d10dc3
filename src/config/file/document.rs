//! What the text of the file sets, and the mistakes in it.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::suggest::suggest_key;
use super::value_type::ValueType;
use crate::config::source::FileSource;

/// The flag of the file itself, which the file can't set.
const CONFIG_FLAG: &str = "config";
/// Maximum number of characters of a key in messages.
const MAX_SHOWN_KEY_CHARS: usize = 100;
/// Maximum number of syntax errors in messages: what follows the first ones is often their consequence.
const MAX_SHOWN_SYNTAX_ERRORS: usize = 3;

/// A file's contents. The lines of the source are left empty.
#[derive(Debug, Default)]
pub struct ConfigDocument {
    pub entries: Vec<ConfigEntry>,
    pub source: FileSource,
}

/// A flag that the file sets.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The flag's name without `--`.
    pub flag: String,
    pub line: usize,
    pub values: Vec<String>,
}

impl ConfigEntry {
    /// Returns the flag as a command line would have it.
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

    /// Sets nothing, for a reason.
    pub fn unreadable(path: &Path, problem: String) -> Self {
        let mut document = Self::new(path);
        document.source.errors.push(format!("--{CONFIG_FLAG}: {}: {problem}", path.display()));
        document
    }

    /// Records the first errors. Returns the lines of all, whose keys and values are guesses of the parser.
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

    /// Records a mistake that is no flag's.
    fn add_error(&mut self, line: usize, problem: &str) {
        self.source.errors.push(format!("--{CONFIG_FLAG}: {}:{line}: {problem}", self.source.path.display()));
    }

    fn add_key(&mut self, key: &str, value: &Spanned<DeValue<'_>>, line: usize, command: &Command) {
        let mut flags = command.get_arguments().filter_map(|flag| Some((flag.get_long()?, flag)));
        match flags.find(|(name, _)| *name == key) {
            Some((CONFIG_FLAG, _)) => self.add_error(line, "`config` can't be set in the file itself; remove the key"),
            Some((_, flag)) => self.add_value(key, value.get_ref(), line, flag),
            None => self.add_error(line, &describe_unknown(key, value.get_ref(), command)),
        }
    }

    fn add_value(&mut self, key: &str, value: &DeValue<'_>, line: usize, flag: &Arg) {
        let value_type = ValueType::from_arg(flag);
        match value_type.to_flag_values(value) {
            Ok(texts) => self.entries.push(ConfigEntry { flag: key.to_owned(), line, values: texts }),
            Err(problem) => {
                let (path, expected) = (self.source.path.display(), value_type.describe_expected(flag));
                let remedy = "or remove the key for the default";
                self.source.errors.push(format!("--{key} ({path}:{line}): {problem}; expected {expected}, {remedy}"));
            }
        }
    }
}

fn describe_unknown(key: &str, value: &DeValue<'_>, command: &Command) -> String {
    let shown_key: String = key.escape_debug().take(MAX_SHOWN_KEY_CHARS).collect();
    if value.is_table() {
        return format!(
            "unknown table `{shown_key}`; write each key at the top level, as the name of a flag without `--`"
        );
    }
    let known_flags = command.get_arguments().filter_map(Arg::get_long).filter(|known| *known != CONFIG_FLAG);
    match suggest_key(key, known_flags) {
        Some(known) => format!("unknown key `{shown_key}`; did you mean `{known}`?"),
        None => format!("unknown key `{shown_key}`; a key is the name of a flag of `serve` without `--`"),
    }
}
