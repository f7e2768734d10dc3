//! Where the server listens, but for JSON over HTTP.

use std::path::PathBuf;

use clap::Args;

use super::flag_value::FlagValue;
use super::values::{Address, AddressOrNone};

#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Where to listen for gRPC.
    #[arg(long, env = "SPLADE_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    pub listen: FlagValue<Address>,
    /// Also listen on a Unix socket.
    #[arg(long, env = "SPLADE_UNIX_SOCKET", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// Where to listen over HTTP, for people (`/`) and for Prometheus (`/metrics`), or `none`.
    #[arg(long, env = "SPLADE_METRICS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:9464")]
    pub metrics_listen: FlagValue<AddressOrNone<9464>>,
}
