//! The gRPC server's connections, and how it stops.

use std::time::Duration;

use clap::Args;

use super::flag_value::FlagValue;
use super::values::BoundedDuration;

#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// The interval of HTTP/2 keepalive pings.
    #[arg(long, env = "SPLADE_KEEPALIVE", value_name = "DURATION", default_value = "30s")]
    pub keepalive: FlagValue<BoundedDuration>,
    /// How long the server may take to stop: documents that it has read are finished and their results sent.
    #[arg(long, env = "SPLADE_DRAIN_DEADLINE", value_name = "DURATION", default_value = "30s")]
    pub drain_deadline: FlagValue<BoundedDuration>,
}

/// Bounds of the gRPC server.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    pub max_message_bytes: usize,
    pub max_concurrent_streams: u32,
    pub keepalive_interval: Duration,
}
