//! Command-line parser and its subcommands.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::{completions, encode, engine, explain, health, ingest, reindex, rejects, search};
use crate::version;

/// Encode streams of documents as SPLADE vectors and index them in Qdrant.
#[derive(Debug, Parser)]
#[command(version = version::LONG_VERSION, after_help = EXAMPLE)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
Start here:
  splade-sidecar serve --model naver/splade-v3 --store-dir ./index
  splade-sidecar ingest docs.jsonl --collection docs --create-collection
  splade-sidecar search \"what is a sparse vector\" --collection docs

Help of a command: splade-sidecar ingest --help";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<engine::ServeArgs>),
    Check(Box<engine::CheckCommand>),
    Ingest(Box<ingest::IngestCommand>),
    Rejects(rejects::RejectsCommand),
    Reindex(Box<reindex::ReindexCommand>),
    Search(search::SearchCommand),
    Encode(encode::EncodeCommand),
    Explain(explain::ExplainCommand),
    Model(engine::ModelCommand),
    Health(health::HealthCommand),
    Bench(engine::BenchCommand),
    Completions(completions::CompletionsCommand),
}

impl Cli {
    /// Runs the command and returns its exit status.
    ///
    /// # Errors
    /// If the command fails; [`report_failure`](super::report_failure) prints the error and returns the exit status.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(args) => engine::serve(*args).await,
            Command::Check(command) => command.run().await,
            Command::Ingest(command) => command.run().await,
            Command::Rejects(command) => command.run().await,
            Command::Reindex(command) => command.run().await,
            Command::Search(command) => command.run().await,
            Command::Encode(command) => command.run().await,
            Command::Explain(command) => command.run().await,
            Command::Model(command) => command.run().await,
            Command::Health(command) => command.run().await,
            Command::Bench(command) => command.run().await,
            Command::Completions(command) => command.run(Self::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, CommandFactory};

    use super::Cli;

    #[test]
    fn the_command_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_help_and_an_environment_variable_and_every_command_an_example() {
        let mut root = Cli::command();
        root.build();
        for command in leaves(&root) {
            assert!(command.get_after_help().is_some(), "{} has no example", command.get_name());
            for argument in command.get_arguments().filter(|argument| !is_built_in(argument)) {
                let name = format!("{} {}", command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{name} has no help");
                let variable = argument.get_env().map(|variable| variable.to_string_lossy().into_owned());
                assert_eq!(variable.is_some(), !argument.is_positional(), "{name}: {variable:?}");
                assert!(variable.is_none_or(|variable| variable.starts_with("SPLADE_")), "{name}");
            }
        }
    }

    fn leaves(command: &Command) -> Box<dyn Iterator<Item = &Command> + '_> {
        if command.get_subcommands().next().is_none() {
            return Box::new(std::iter::once(command));
        }
        Box::new(command.get_subcommands().filter(|command| command.get_name() != "help").flat_map(leaves))
    }

    fn is_built_in(argument: &Arg) -> bool {
        ["help", "version"].contains(&argument.get_id().as_str())
    }
}
