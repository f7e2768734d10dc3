//! Listen addresses, except those of JSON over HTTP (see `web`).

use std::path::PathBuf;

use clap::Args;

use super::flag_value::FlagValue;
use super::values::{Address, AddressOrNone};

#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Listen address of the gRPC API.
    #[arg(long, env = "SPLADE_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    pub listen: FlagValue<Address>,
    /// Path of a Unix socket that also serves the gRPC API.
    #[arg(long, env = "SPLADE_UNIX_SOCKET", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// Listen address of the status page (`/`) and the Prometheus metrics (`/metrics`); `none` disables both.
    #[arg(long, env = "SPLADE_METRICS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9464")]
    pub metrics_listen: FlagValue<AddressOrNone<9464>>,
}
