//! `model show`: lists the models of a server.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::client::{ClientArgs, ClientConnection};
use crate::cli::output::OutputArgs;
use crate::proto::encoder_service_client::EncoderServiceClient;
use crate::proto::{self, GetModelRequest, ListModelsRequest, ListModelsResponse, Server};

/// List the models of a server and their properties.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ShowCommand {
    /// Name of the model to show [default: all models].
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar model show --output json";

impl ShowCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let mut encoder = self.client.connect_encoder().await?;
        let (models, default, server) = match &self.name {
            Some(model) => {
                let request = self.client.build_request(GetModelRequest { model: model.clone() });
                let response = encoder.get_model(request).await?.into_inner();
                (Vec::from_iter(response.model), None, response.server)
            }
            None => {
                let response = self.list_all_models(&mut encoder).await?;
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

    /// Returns the response with the models of all pages.
    async fn list_all_models(
        &self,
        encoder: &mut EncoderServiceClient<ClientConnection>,
    ) -> anyhow::Result<ListModelsResponse> {
        let mut request = ListModelsRequest::default();
        let mut response = encoder.list_models(self.client.build_request(request.clone())).await?.into_inner();
        request.page_token = std::mem::take(&mut response.next_page_token);
        while !request.page_token.is_empty() {
            let page = encoder.list_models(self.client.build_request(request.clone())).await?.into_inner();
            response.models.extend(page.models);
            request.page_token = page.next_page_token;
        }
        Ok(response)
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
