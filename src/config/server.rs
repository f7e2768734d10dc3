//! Keepalive and shutdown of the gRPC server.

use std::time::Duration;

use clap::Args;

use super::flag_value::FlagValue;
use super::values::BoundedDuration;
use crate::env_var::with_earlier_name;

#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Interval of HTTP/2 keepalive pings. A connection that doesn't answer a ping within this time is closed.
    #[arg(
        long,
        alias = "keepalive",
        env = with_earlier_name("SPLADE_KEEPALIVE_INTERVAL", "SPLADE_KEEPALIVE"),
        value_name = "DURATION",
        default_value = "30s"
    )]
    pub keepalive_interval: FlagValue<BoundedDuration>,
    /// Maximum duration of a graceful shutdown, in which accepted documents are completed and their results sent.
    #[arg(long, env = "SPLADE_DRAIN_DEADLINE", value_name = "DURATION", default_value = "30s")]
    pub drain_deadline: FlagValue<BoundedDuration>,
}

/// Settings of the gRPC server's connections.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    pub max_message_bytes: usize,
    pub max_concurrent_streams: u32,
    pub keepalive_interval: Duration,
}
