//! Export of traces to a collector over OTLP.

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

use crate::config::{Config, find_otlp_variable};
use crate::version::VERSION;

/// Default service name in traces; `OTEL_SERVICE_NAME` overrides it.
const SERVICE_NAME: &str = "splade-sidecar";
/// Maximum time to export the remaining traces at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Trace exporter; inactive if no collector is configured.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Creates the exporter if the configuration or OpenTelemetry's environment variables name a collector.
    ///
    /// # Errors
    /// If the collector's address is invalid.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        build_tracer_provider(config).map(Self)
    }

    /// Returns the layer that exports spans; `None` without a collector.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let provider = self.0.as_ref()?;
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE_NAME)).with_location(false);
        // Only this crate's spans: spans of the exporter itself would cause further exports.
        let own_spans = Targets::new().with_target("splade_sidecar", LevelFilter::DEBUG);
        Some(layer.with_threads(false).with_filter(own_spans))
    }

    /// Exports the remaining traces.
    pub async fn shut_down(self) {
        let Some(provider) = self.0 else { return };
        let result = spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT)).await;
        if !matches!(result, Ok(Ok(()))) {
            tracing::warn!("exporting the remaining traces failed");
        }
    }
}

fn build_tracer_provider(config: &Config) -> anyhow::Result<Option<SdkTracerProvider>> {
    if config.otlp_endpoint.is_none() && find_otlp_variable().is_none() {
        return Ok(None);
    }
    let mut exporter = SpanExporter::builder().with_tonic();
    if let Some(endpoint) = &config.otlp_endpoint {
        exporter = exporter.with_endpoint(endpoint.to_string());
    }
    let exporter = exporter.build().context("--otlp-endpoint: failed to create the trace exporter")?;
    let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", VERSION));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(SERVICE_NAME);
    }
    Ok(Some(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build()))
}
