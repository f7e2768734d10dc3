//! `model`: downloads models from the Hugging Face Hub, lists the models of a server, and verifies a model.

mod pull;
mod show;
#[cfg(feature = "verify")]
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// Download a model, list the models of a server, or compare a model with a reference implementation.
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
    /// Compare a model's vectors with those of candle-transformers; not included in this build
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

/// Arguments of a command that this build does not include. They are accepted, so that the error names the feature.
#[cfg(not(feature = "verify"))]
#[derive(Debug, clap::Args)]
#[command(after_help = "This build does not include the cargo feature `verify`.")]
struct UnavailableArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<std::ffi::OsString>,
}
