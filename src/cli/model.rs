//! `model`: fetches models from the hub, shows those that a server has, and compares a model with a reference.

#[cfg(feature = "verify")]
pub mod verify;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::Subcommand;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::client::{ClientArgs, Connection};
use super::output::{OutputArgs, print, show_warnings};
use crate::model::check_settings;
use crate::model::hub::{HubConfig, ModelSource, locate};
use crate::proto::encoder_service_client::EncoderServiceClient;
use crate::proto::{self, GetModelRequest, ListModelsRequest, ListModelsResponse, Server};

/// Fetch a model from the hub, show the models of a server, or compare a model with a reference.
#[derive(Debug, clap::Args)]
pub struct Model {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Pull(Pull),
    Show(Show),
    #[cfg(feature = "verify")]
    Verify(verify::Verify),
    /// Compare a model's vectors with those of another forward pass; not in this build
    #[cfg(not(feature = "verify"))]
    Verify(Unavailable),
}

impl Model {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Pull(command) => command.run().await,
            Command::Show(command) => command.run().await,
            #[cfg(feature = "verify")]
            Command::Verify(command) => command.run().await,
            #[cfg(not(feature = "verify"))]
            Command::Verify(_) => anyhow::bail!(crate::features::missing("model verify", "verify")),
        }
    }
}

/// Arguments of a command that this build is without.
#[cfg(not(feature = "verify"))]
#[derive(Debug, clap::Args)]
#[command(after_help = "This build is without the cargo feature `verify`.")]
struct Unavailable {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<std::ffi::OsString>,
}

/// Fetch a model into the cache that Hugging Face's tools share, and print its folder.
///
/// The environment is theirs too: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
#[derive(Debug, clap::Args)]
#[command(after_help = PULL_EXAMPLE)]
struct Pull {
    /// The model: org/name, or org/name@revision for a branch, tag or commit.
    #[arg(value_name = "ID")]
    source: ModelSource,
}

const PULL_EXAMPLE: &str = "\
Example:
  splade-sidecar model pull naver/splade-v3@main";

impl Pull {
    async fn run(self) -> anyhow::Result<ExitCode> {
        show_warnings();
        let show_progress = stderr().is_terminal();
        let progress = move || if show_progress { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let folder = spawn_blocking(move || {
            let config = HubConfig::from_env(|name| std::env::var(name).ok());
            locate(&self.source, &config, check_settings, progress)
        });
        print(&format!("{}\n", folder.await??.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Show the models that a server has.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLE)]
struct Show {
    /// One model's name [default: all].
    name: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

const SHOW_EXAMPLE: &str = "\
Example:
  splade-sidecar model show --output json";

impl Show {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let mut encoder = self.client.encoder().await?;
        let (models, default, server) = match &self.name {
            Some(model) => {
                let request = self.client.request(GetModelRequest { model: model.clone() });
                let response = encoder.get_model(request).await?.into_inner();
                (Vec::from_iter(response.model), None, response.server)
            }
            None => {
                let response = self.list(&mut encoder).await?;
                (response.models, Some(response.default_model), response.server)
            }
        };
        let server = server.unwrap_or_default();
        for model in &models {
            let is_default = default.as_ref() == Some(&model.name);
            self.output.print(|| to_text(model, is_default, &server), || to_json(model, &server))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the first page, with the models of all pages.
    async fn list(&self, encoder: &mut EncoderServiceClient<Connection>) -> anyhow::Result<ListModelsResponse> {
        let mut request = ListModelsRequest::default();
        let mut all = encoder.list_models(self.client.request(request.clone())).await?.into_inner();
        request.page_token = std::mem::take(&mut all.next_page_token);
        while !request.page_token.is_empty() {
            let page = encoder.list_models(self.client.request(request.clone())).await?.into_inner();
            all.models.extend(page.models);
            request.page_token = page.next_page_token;
        }
        Ok(all)
    }
}

fn to_text(model: &proto::Model, is_default: bool, server: &Server) -> String {
    let default = if is_default { " (default)" } else { "" };
    format!(
        "{}{default}\n  architecture  {}\n  vocabulary    {} terms\n  max length    {} tokens\n  dtype         {}\n  \
         pooling       {}\n  activation    {}\n  fingerprint   {}\n  server        {} ({})\n",
        model.name,
        model.architecture,
        model.vocabulary_size,
        model.max_length,
        model.dtype,
        model.pooling,
        model.activation,
        model.fingerprint,
        server.version,
        server.revision
    )
}

fn to_json(model: &proto::Model, server: &Server) -> Value {
    json!({
        "name": model.name,
        "architecture": model.architecture,
        "vocabulary_size": model.vocabulary_size,
        "max_length": model.max_length,
        "dtype": model.dtype,
        "pooling": model.pooling,
        "activation": model.activation,
        "fingerprint": model.fingerprint,
        "server_version": server.version,
        "server_revision": server.revision,
    })
}
