//! Traces on their way to an OpenTelemetry collector.

use std::time::Duration;

use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::task::spawn_blocking;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, otlp_variable};
use crate::version::VERSION;

/// What traces and metrics call this service, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "splade-sidecar";
/// How long the last traces may take to leave when the process ends.
const LAST_TRACES: Duration = Duration::from_secs(3);

/// Traces on their way to a collector.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Opens the way to the collector that the configuration or the environment names, if one does.
    ///
    /// # Errors
    /// If the collector's address can't be used.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        Ok(Self(tracer_provider(config)?))
    }

    /// Returns what turns spans into traces.
    pub fn layer<S>(&self) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer(SERVICE);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        // Events stay in the logs; the exporter's own spans must not feed it.
        Some(layer.with_filter(Targets::new().with_target("splade_sidecar", LevelFilter::DEBUG)).boxed())
    }

    /// Sends the last ones.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        let shut_down = spawn_blocking(move || provider.shutdown_with_timeout(LAST_TRACES)).await;
        if !matches!(shut_down, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Where spans go; `None` if nobody asked for them.
fn tracer_provider(config: &Config) -> anyhow::Result<Option<SdkTracerProvider>> {
    if config.otlp_endpoint.is_none() && otlp_variable().is_none() {
        return Ok(None);
    }
    let mut exporter = SpanExporter::builder().with_tonic();
    if let Some(endpoint) = &config.otlp_endpoint {
        exporter = exporter.with_endpoint(endpoint.to_string());
    }
    let exporter = exporter.build().context("--otlp-endpoint: traces can't be sent there")?;
    let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", VERSION));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(SERVICE);
    }
    Ok(Some(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build()))
}
