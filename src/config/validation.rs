//! Validated configuration of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tonic::codegen::http::Uri;

use super::errors::{ConfigErrors, InvalidConfig};
use super::flags::ServeFlags;
use super::limits::CallLimits;
use super::log::LogFormat;
use super::model::ModelConfig;
use super::otlp::resolve_otlp_endpoint;
use super::security::SecurityConfig;
use super::serve_args::ServeArgs;
use super::server::ServerConfig;
use super::store::StoreConfig;
use super::web::WebConfig;
use crate::grpc::{PruningDefaults, RequestLimits};
use crate::model::{DeviceName, InferenceDType};
use crate::pipeline::PipelineConfig;

/// Validated configuration of `serve`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Models to serve, with unique names. The first one is the default.
    pub models: Vec<ModelConfig>,
    pub device: DeviceName,
    pub dtype: InferenceDType,
    pub listen: SocketAddr,
    pub unix_socket: Option<PathBuf>,
    /// Listen address of metrics and the status page; `None` disables both.
    pub metrics_listen: Option<SocketAddr>,
    pub web: WebConfig,
    pub security: SecurityConfig,
    pub store: StoreConfig,
    pub pipeline: PipelineConfig,
    pub request_limits: RequestLimits,
    pub pruning: PruningDefaults,
    pub server: ServerConfig,
    pub drain_deadline: Duration,
    pub log_filter: String,
    pub log_format: LogFormat,
    /// Endpoint of the trace collector. If `None`, OpenTelemetry's environment variables decide.
    pub otlp_endpoint: Option<Uri>,
}

impl TryFrom<ServeArgs> for Config {
    type Error = InvalidConfig;

    fn try_from(args: ServeArgs) -> Result<Self, InvalidConfig> {
        let (config, errors) = Self::validate(args);
        if errors.is_empty() { Ok(config) } else { Err(InvalidConfig(errors)) }
    }
}

impl Config {
    /// Returns the configuration and all errors in it. Invalid values are replaced by placeholders, so a configuration with
    /// errors must not be served; `check` uses it to check the valid parts.
    pub fn validate(args: ServeArgs) -> (Self, Vec<String>) {
        let mut errors = ConfigErrors::new(args.source);
        let config = Self::resolve(args.flags, &mut errors);
        (config, errors.into_messages())
    }

    fn resolve(flags: ServeFlags, errors: &mut ConfigErrors) -> Self {
        let ServeFlags { models, backend, listen, web, security, store, encoders, admission, limits, .. } = flags;
        let ServeFlags { writer, pruning, server, log, .. } = flags;
        let models = models.resolve(errors);
        let (device, dtype) = backend.resolve(errors);
        let (encoders, writer) = (encoders.resolve(errors), writer.resolve(errors));
        let pipeline = admission.resolve(encoders, writer, errors);
        let drain_deadline = errors.take_value(server.drain_deadline);
        let CallLimits { request_limits, max_concurrent_streams } =
            limits.resolve(pipeline.max_interactive, drain_deadline, errors);
        Self {
            models,
            device,
            dtype,
            listen: errors.take_value(listen.listen),
            unix_socket: listen.unix_socket,
            metrics_listen: errors.take_value(listen.metrics_listen),
            web: web.resolve(errors),
            security: security.resolve(errors),
            store: store.resolve(errors),
            pipeline,
            request_limits,
            pruning: pruning.resolve(errors),
            server: ServerConfig {
                max_message_bytes: request_limits.max_message_bytes,
                max_concurrent_streams: u32::try_from(max_concurrent_streams).unwrap_or(u32::MAX),
                keepalive_interval: errors.take_value(server.keepalive_interval),
            },
            drain_deadline,
            log_filter: errors.take_value(log.log),
            log_format: errors.take_value(log.log_format),
            otlp_endpoint: resolve_otlp_endpoint(log.otlp_endpoint, errors),
        }
    }
}
