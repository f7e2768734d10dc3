//! Parses flags, environment and the file of `--config` into a validated [`Config`]. All mistakes are reported at once.
//!
//! Each group of flags is a file: the flags, the checks of their values, and their part of the configuration. Clap parses
//! a value as a `Setting`, which keeps the mistake instead of ending the command.
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
