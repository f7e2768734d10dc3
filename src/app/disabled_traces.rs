//! Replacement for the trace exporter in builds without the feature `otlp`, where the configuration refuses the flags of
//! traces.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

use crate::config::Config;

/// Trace exporter that does nothing.
#[derive(Debug)]
pub struct Traces;

impl Traces {
    /// Returns an exporter that does nothing.
    ///
    /// # Errors
    /// Never fails; the signature matches that of the real exporter.
    pub fn open(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// Returns a layer that does nothing.
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Identity::new()
    }

    /// Does nothing.
    pub async fn shut_down(self) {}
}
