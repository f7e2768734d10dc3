//! Arguments of `serve`: flags merged with the file of `--config`.

use std::collections::BTreeSet;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, Id};

use super::file;
use super::flags::ServeFlags;
use super::source::FileSource;

/// Arguments of `serve`: flags, environment variables and the file of `--config`, in this order of precedence.
#[derive(Debug, Clone)]
pub struct ServeArgs {
    pub(super) flags: ServeFlags,
    pub(super) source: FileSource,
}

impl Args for ServeArgs {
    fn group_id() -> Option<Id> {
        ServeFlags::group_id()
    }

    fn augment_args(command: Command) -> Command {
        ServeFlags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        ServeFlags::augment_args_for_update(command)
    }
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let set_flags = find_set_flags(matches);
        let mut flags = ServeFlags::from_arg_matches_mut(matches)?;
        let source = match flags.config.clone() {
            Some(path) => file::apply(&path, &mut flags, |flag| set_flags.contains(flag))?,
            None => FileSource::default(),
        };
        Ok(Self { flags, source })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the names, without `--`, of the flags that the command line or the environment sets.
fn find_set_flags(matches: &ArgMatches) -> BTreeSet<String> {
    let command = ServeFlags::augment_args(Command::new("serve"));
    let is_set =
        |id: &str| matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    let set_flags = command.get_arguments().filter(|flag| is_set(flag.get_id().as_str()));
    set_flags.filter_map(|flag| flag.get_long().map(str::to_owned)).collect()
}
