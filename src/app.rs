//! Composition root: builds the components from a [`Config`](crate::config::Config), serves, and drains on shutdown.
//!
//! [`Server`] starts and stops a server; `main` and the tests use the same entry point.

mod auth_tokens;
mod components;
#[cfg(not(feature = "otlp"))]
mod disabled_traces;
mod lifecycle;
mod metrics_recorder;
mod serve;
mod services;
mod telemetry;
#[cfg(feature = "otlp")]
mod traces;

pub(crate) use auth_tokens::check_auth_tokens;
#[cfg(feature = "verify")]
pub(crate) use components::locate_model;
pub(crate) use components::{load_model, open_store};
pub use lifecycle::{Server, ShutdownOutcome};
pub use telemetry::init as init_telemetry;
