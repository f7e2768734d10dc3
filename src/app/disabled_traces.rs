//! Stands in for traces in a build without the feature `otlp`. The configuration refuses what would ask for them.

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

use crate::config::Config;

/// No traces.
#[derive(Debug)]
pub struct Traces;

impl Traces {
    /// Opens nothing.
    ///
    /// # Errors
    /// None.
    pub fn open(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// Returns a layer that does nothing.
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Identity::new()
    }

    /// Ends nothing.
    pub async fn shut_down(self) {}
}
