//! What the text of the file sets, and the mistakes in it.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::suggest::suggest;
use super::value_type::ValueType;
use crate::config::source::FileSource;

/// The flag of the file itself, which the file can't set.
const CONFIG: &str = "config";
/// Maximum number of characters of a key in messages.
const SHOWN_CHARS: usize = 100;
/// Maximum number of syntax errors in messages: what follows the first ones is often their consequence.
const SHOWN_ERRORS: usize = 3;

/// A file's contents. The lines of the source are left empty.
#[derive(Debug, Default)]
pub struct Document {
    pub entries: Vec<Entry>,
    pub source: FileSource,
}

/// A flag that the file sets.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The flag's name without `--`.
    pub flag: String,
    pub line: usize,
    pub texts: Vec<String>,
}

impl Entry {
    /// Returns the flag as a command line would have it.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        self.texts.iter().map(|text| format!("--{}={text}", self.flag))
    }
}

/// Parses the text of a file for the flags of a command.
pub fn parse(text: &str, path: &Path, command: &Command) -> Document {
    let mut document = Document::new(path);
    let (table, errors) = DeTable::parse_recoverable(text);
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
    let wrong_lines = document.add_syntax_errors(&errors, line);
    for (key, value) in table.get_ref() {
        let line = line(key.span().start);
        if !wrong_lines.contains(&line) {
            document.add(key.get_ref(), value, line, command);
        }
    }
    document.entries.sort_by_key(|entry| entry.line);
    document
}

impl Document {
    fn new(path: &Path) -> Self {
        Self { source: FileSource { path: path.to_owned(), ..FileSource::default() }, ..Self::default() }
    }

    /// Sets nothing, for a reason.
    pub fn unreadable(path: &Path, problem: String) -> Self {
        let mut document = Self::new(path);
        document.source.mistakes.push(format!("--{CONFIG}: {}: {problem}", path.display()));
        document
    }

    /// Records the first errors. Returns the lines of all, whose keys and values are guesses of the parser.
    fn add_syntax_errors(&mut self, errors: &[Error], line: impl Fn(usize) -> usize) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        for (index, error) in errors.iter().enumerate() {
            let line = line(error.span().map_or(0, |span| span.start));
            if index < SHOWN_ERRORS {
                self.add_mistake(line, &format!("invalid TOML: {}", error.message()));
            }
            lines.insert(line);
        }
        lines
    }

    /// Records a mistake that is no flag's.
    fn add_mistake(&mut self, line: usize, problem: &str) {
        self.source.mistakes.push(format!("--{CONFIG}: {}:{line}: {problem}", self.source.path.display()));
    }

    fn add(&mut self, key: &str, value: &Spanned<DeValue<'_>>, line: usize, command: &Command) {
        let mut flags = command.get_arguments().filter_map(|flag| Some((flag.get_long()?, flag)));
        match flags.find(|(name, _)| *name == key) {
            Some((CONFIG, _)) => self.add_mistake(line, "`config` can't be set in the file itself; remove the key"),
            Some((_, flag)) => self.add_value(key, value.get_ref(), line, flag),
            None => self.add_mistake(line, &describe_unknown(key, value.get_ref(), command)),
        }
    }

    fn add_value(&mut self, key: &str, value: &DeValue<'_>, line: usize, flag: &Arg) {
        let value_type = ValueType::of(flag);
        match value_type.to_texts(value) {
            Ok(texts) => self.entries.push(Entry { flag: key.to_owned(), line, texts }),
            Err(problem) => {
                let (path, expected) = (self.source.path.display(), value_type.expected(flag));
                let remedy = "or remove the key for the default";
                self.source.mistakes.push(format!("--{key} ({path}:{line}): {problem}; expected {expected}, {remedy}"));
            }
        }
    }
}

fn describe_unknown(key: &str, value: &DeValue<'_>, command: &Command) -> String {
    let shown: String = key.escape_debug().take(SHOWN_CHARS).collect();
    if value.is_table() {
        return format!("unknown table `{shown}`; write each key at the top level, as the name of a flag without `--`");
    }
    let known = command.get_arguments().filter_map(Arg::get_long).filter(|known| *known != CONFIG);
    match suggest(key, known) {
        Some(known) => format!("unknown key `{shown}`; did you mean `{known}`?"),
        None => format!("unknown key `{shown}`; a key is the name of a flag of `serve` without `--`"),
    }
}
