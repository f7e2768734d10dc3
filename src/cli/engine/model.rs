//! `model`: fetches models from the hub, shows those that a server has, and compares a model with a reference.

mod pull;
mod show;
#[cfg(feature = "verify")]
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// Fetch a model from the hub, show the models of a server, or compare a model with a reference.
#[derive(Debug, clap::Args)]
pub struct ModelCommand {
    #[command(subcommand)]
    command: ModelSubcommand,
}

#[derive(Debug, Subcommand)]
enum ModelSubcommand {
    Pull(pull::PullCommand),
    Show(show::ShowCommand),
    #[cfg(feature = "verify")]
    Verify(verify::VerifyCommand),
    /// Compare a model's vectors with those of another forward pass; not in this build
    #[cfg(not(feature = "verify"))]
    Verify(UnavailableArgs),
}

impl ModelCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            ModelSubcommand::Pull(command) => command.run().await,
            ModelSubcommand::Show(command) => command.run().await,
            #[cfg(feature = "verify")]
            ModelSubcommand::Verify(command) => command.run().await,
            #[cfg(not(feature = "verify"))]
            ModelSubcommand::Verify(_) => {
                anyhow::bail!(crate::features::describe_missing_feature("model verify", "verify"))
            }
        }
    }
}

/// Arguments of a command that this build is without.
#[cfg(not(feature = "verify"))]
#[derive(Debug, clap::Args)]
#[command(after_help = "This build is without the cargo feature `verify`.")]
struct UnavailableArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<std::ffi::OsString>,
}
