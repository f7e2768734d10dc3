//! Wiring, and nothing else: configuration → parts → serve → drain.

mod auth_tokens;
mod lifecycle;
mod metrics_recorder;
#[cfg(not(feature = "otlp"))]
mod no_traces;
mod parts;
mod serve;
mod services;
mod telemetry;
#[cfg(feature = "otlp")]
mod traces;

pub(crate) use auth_tokens::auth_token_problems;
pub use lifecycle::{Ended, Server};
#[cfg(feature = "verify")]
pub(crate) use parts::locate_model;
pub(crate) use parts::{load_model, open_store};
pub use telemetry::init as init_telemetry;
