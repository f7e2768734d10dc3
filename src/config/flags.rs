//! Flags of `serve`.

use std::path::PathBuf;

use clap::Args;

use super::admission::AdmissionArgs;
use super::backend::BackendArgs;
use super::encoder::EncoderArgs;
use super::limits::LimitArgs;
use super::listen::ListenArgs;
use super::log::LogArgs;
use super::model::ModelArgs;
use super::pruning::PruningArgs;
use super::security::SecurityArgs;
use super::server::ServerArgs;
use super::store::StoreArgs;
use super::web::WebArgs;
use super::writer::WriterArgs;

const EXAMPLE: &str = "\
Examples:
  splade-sidecar serve --model ./splade-tiny
  splade-sidecar serve --model naver/splade-v3@main --qdrant-url http://localhost:6334
  splade-sidecar serve --model ./splade-tiny --model large=naver/splade-v3
  splade-sidecar serve --config sidecar.toml

BYTES is a number with a unit (4MiB), DURATION too (100ms, 30s). Each flag has an environment variable.";

/// Serve the gRPC API: encode texts, index documents and search.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLE)]
pub struct ServeFlags {
    /// TOML configuration file. Each key is the name of a flag without `--`; flags and environment variables take precedence.
    #[arg(long, env = "SPLADE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub backend: BackendArgs,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub web: WebArgs,
    #[command(flatten)]
    pub security: SecurityArgs,
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(flatten)]
    pub encoders: EncoderArgs,
    #[command(flatten)]
    pub admission: AdmissionArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub writer: WriterArgs,
    #[command(flatten)]
    pub pruning: PruningArgs,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub log: LogArgs,
}
