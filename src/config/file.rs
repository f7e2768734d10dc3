//! `--config`: a TOML file that sets flags.
//!
//! Each key is the name of a flag without `--`. The command line and the environment take precedence, so the file is applied
//! after clap has parsed them. Its values are then parsed as arguments of the same command without defaults and environment
//! variables, so that they pass the same validation.

mod document;
mod read;
mod suggest;
mod value_type;

use std::path::Path;

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};

use super::flags::ServeFlags;
use super::source::FileSource;
use document::{ConfigDocument, ConfigEntry};

/// Sets the flags that the file contains, except those for which `is_set` returns true (by name, without `--`). Errors in
/// the file are part of the returned source.
///
/// # Errors
/// If clap rejects a value itself. No current flag does: they report invalid values through `FlagValue`.
pub fn apply(path: &Path, flags: &mut ServeFlags, is_set: impl Fn(&str) -> bool) -> Result<FileSource, clap::Error> {
    let command = ServeFlags::augment_args(Command::new("serve"));
    let ConfigDocument { mut entries, mut source } = match read::read_file(path) {
        Ok(text) => document::parse_document(&text, path, &command),
        Err(problem) => ConfigDocument::unreadable(path, problem),
    };
    entries.retain(|entry| !is_set(&entry.flag));
    source.lines = entries.iter().map(|entry| (entry.flag.clone(), entry.line)).collect();
    let arguments = entries.iter().flat_map(ConfigEntry::arguments);
    let command = command.no_binary_name(true).mut_args(strip_defaults);
    flags.update_from_arg_matches_mut(&mut command.try_get_matches_from(arguments)?)?;
    Ok(source)
}

/// Removes the environment variable, default and delimiter of a flag, so that it has exactly the value in the file or none.
fn strip_defaults(flag: Arg) -> Arg {
    let flag = flag.env(Resettable::Reset).default_value(Resettable::Reset).value_delimiter(Resettable::Reset);
    if matches!(flag.get_action(), ArgAction::SetTrue) { flag.action(ArgAction::Set) } else { flag }
}

#[cfg(test)]
mod tests;
