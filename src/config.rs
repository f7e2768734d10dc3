//! Parses flags, environment variables and the file of `--config` into a validated [`Config`].
//!
//! Each group of flags has a module with its clap arguments, the validation of their values, and the part of the
//! configuration that they produce. Clap parses each value into a `FlagValue`, which stores an error instead of returning
//! it, so that [`Config::validate`] reports all configuration errors at once.
//!
//! See docs/adr/0058-report-all-configuration-errors.md.

mod admission;
mod backend;
mod encoder;
mod errors;
mod file;
mod flag_value;
mod flags;
mod limits;
mod listen;
mod log;
mod model;
mod otlp;
mod pruning;
mod security;
mod serve_args;
mod server;
mod source;
mod store;
mod validation;
mod values;
mod web;
mod writer;

pub use errors::InvalidConfig;
pub use log::LogFormat;
pub use model::ModelConfig;
pub use otlp::find_otlp_variable;
pub use security::{SecurityConfig, TlsFiles};
pub use serve_args::ServeArgs;
pub use server::ServerConfig;
pub use store::StoreConfig;
pub use validation::Config;
pub use web::{AllowedOrigins, WebConfig};

#[cfg(test)]
mod tests;
