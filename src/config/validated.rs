//! What `serve` runs with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tonic::codegen::http::Uri;

use super::flags::ServeFlags;
use super::limits::Limits;
use super::log::LogFormat;
use super::mistakes::{InvalidConfig, Mistakes};
use super::model::ModelConfig;
use super::otlp::resolve_collector;
use super::security::SecurityConfig;
use super::serve_args::ServeArgs;
use super::server::ServerConfig;
use super::store::StoreConfig;
use super::web::WebConfig;
use crate::grpc::{PruningDefaults, RequestLimits};
use crate::model::{DeviceName, Precision};
use crate::pipeline::PipelineConfig;

/// A validated configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The first is the default. Names differ.
    pub models: Vec<ModelConfig>,
    pub device: DeviceName,
    pub precision: Precision,
    pub listen: SocketAddr,
    pub unix_socket: Option<PathBuf>,
    /// `None`: no metrics.
    pub metrics_listen: Option<SocketAddr>,
    pub web: WebConfig,
    pub security: SecurityConfig,
    pub store: StoreConfig,
    pub pipeline: PipelineConfig,
    pub requests: RequestLimits,
    pub pruning: PruningDefaults,
    pub server: ServerConfig,
    pub drain_deadline: Duration,
    pub log: String,
    pub log_format: LogFormat,
    /// Where traces go, unless the environment's standard variables say.
    pub otlp_endpoint: Option<Uri>,
}

impl TryFrom<ServeArgs> for Config {
    type Error = InvalidConfig;

    fn try_from(args: ServeArgs) -> Result<Self, InvalidConfig> {
        let (config, mistakes) = Self::examine(args);
        if mistakes.is_empty() { Ok(config) } else { Err(InvalidConfig(mistakes)) }
    }
}

impl Config {
    /// Returns the configuration and every mistake in it. What is wrong has a stand-in that nothing must be served with.
    pub fn examine(args: ServeArgs) -> (Self, Vec<String>) {
        let mut mistakes = Mistakes::new(args.source);
        let config = Self::resolve(args.flags, &mut mistakes);
        (config, mistakes.into_messages())
    }

    fn resolve(flags: ServeFlags, mistakes: &mut Mistakes) -> Self {
        let ServeFlags { models, backend, listen, web, security, store, encoders, admission, limits, .. } = flags;
        let ServeFlags { writer, pruning, server, log, .. } = flags;
        let models = models.resolve(mistakes);
        let (device, precision) = backend.resolve(mistakes);
        let (encoders, writer) = (encoders.resolve(mistakes), writer.resolve(mistakes));
        let pipeline = admission.resolve(encoders, writer, mistakes);
        let drain_deadline = mistakes.value(server.drain_deadline);
        let Limits { requests, concurrent_streams } =
            limits.resolve(pipeline.max_interactive, drain_deadline, mistakes);
        Self {
            models,
            device,
            precision,
            listen: mistakes.value(listen.listen),
            unix_socket: listen.unix_socket,
            metrics_listen: mistakes.value(listen.metrics_listen),
            web: web.resolve(mistakes),
            security: security.resolve(mistakes),
            store: store.resolve(mistakes),
            pipeline,
            requests,
            pruning: pruning.resolve(mistakes),
            server: ServerConfig {
                max_message_bytes: requests.message_bytes,
                max_concurrent_streams: u32::try_from(concurrent_streams).unwrap_or(u32::MAX),
                keepalive: mistakes.value(server.keepalive),
            },
            drain_deadline,
            log: mistakes.value(log.log),
            log_format: mistakes.value(log.log_format),
            otlp_endpoint: resolve_collector(log.otlp_endpoint, mistakes),
        }
    }
}
