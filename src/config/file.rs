//! `--config`: a TOML file that sets flags.
//!
//! A key is the name of a flag without `--`. What the command line or the environment sets takes precedence, so the file is
//! applied after clap has parsed them: its values are parsed as arguments of a command that has the same flags without
//! defaults and variables, and so by the same checks.

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

/// Sets the flags that the file has, unless `is_set` says by their names that they are set.
///
/// # Errors
/// If clap refuses a value of the file itself, which none of today's flags does.
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

/// Has a flag hold its argument as it is, or nothing.
fn strip_defaults(flag: Arg) -> Arg {
    let flag = flag.env(Resettable::Reset).default_value(Resettable::Reset).value_delimiter(Resettable::Reset);
    if matches!(flag.get_action(), ArgAction::SetTrue) { flag.action(ArgAction::Set) } else { flag }
}

#[cfg(test)]
mod tests;
