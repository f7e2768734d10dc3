//! Bounds on what a client may send.

use std::time::Duration;

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{BoundedDuration, Count, Size};
use crate::grpc::{MAX_ID_BYTES, MAX_PAYLOAD_DEPTH, RequestLimits};

/// How long a server that is about to stop reads on in streams whose clients were told, unless the drain deadline is short.
const MAX_DRAIN_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// The most bytes of one text.
    #[arg(long, env = "SPLADE_MAX_TEXT_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_text_bytes: FlagValue<Size>,
    /// The most texts or documents of one unary call; never more than --max-interactive.
    #[arg(long, env = "SPLADE_MAX_UNARY_DOCUMENTS", value_name = "N", default_value = "256")]
    max_unary_documents: FlagValue<Count>,
    /// The most bytes of one gRPC message, and of one body or line of JSON. A larger one ends its call; a line is rejected.
    #[arg(long, env = "SPLADE_MAX_MESSAGE_BYTES", value_name = "SIZE", default_value = "32MiB")]
    max_message_bytes: FlagValue<Size>,
    /// The most calls at once on one connection.
    #[arg(long, env = "SPLADE_MAX_CONCURRENT_STREAMS", value_name = "N", default_value = "1024")]
    max_concurrent_streams: FlagValue<Count>,
    /// The most open streams, of all clients together. One more is refused.
    #[arg(long, env = "SPLADE_MAX_STREAMS", value_name = "N", default_value = "4096")]
    max_streams: FlagValue<Count>,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    #[arg(long, env = "SPLADE_STREAM_IDLE_TIMEOUT", value_name = "DURATION", default_value = "10m")]
    stream_idle_timeout: FlagValue<BoundedDuration>,
    /// Maximum bytes of one document's payload, as JSON without blanks.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_payload_bytes: FlagValue<Size>,
    /// How deep a payload may be nested, up to 32.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_DEPTH", value_name = "N", default_value = "32")]
    max_payload_depth: FlagValue<Count<MAX_PAYLOAD_DEPTH>>,
    /// The most dimensions of one document's dense vectors, all of them together.
    #[arg(long, env = "SPLADE_MAX_DENSE_DIMENSIONS", value_name = "N", default_value = "65536")]
    max_dense_dimensions: FlagValue<Count>,
    /// The most bytes of a document's id that is a name, up to 4096.
    #[arg(long, env = "SPLADE_MAX_ID_BYTES", value_name = "N", default_value = "512")]
    max_id_bytes: FlagValue<Count<MAX_ID_BYTES>>,
}

/// The limits of calls and of connections.
pub struct CallLimits {
    pub request_limits: RequestLimits,
    /// Maximum number of concurrent calls per connection.
    pub max_concurrent_streams: usize,
}

impl LimitArgs {
    pub fn resolve(self, max_interactive: usize, drain_deadline: Duration, errors: &mut ConfigErrors) -> CallLimits {
        let request_limits = RequestLimits {
            max_message_bytes: errors.take_value(self.max_message_bytes),
            max_text_bytes: errors.take_value(self.max_text_bytes),
            // A call with more texts than there are places would never be let in.
            max_unary_documents: errors.take_value(self.max_unary_documents).min(max_interactive),
            max_payload_bytes: errors.take_value(self.max_payload_bytes),
            max_payload_depth: errors.take_value(self.max_payload_depth),
            max_dense_dimensions: errors.take_value(self.max_dense_dimensions),
            max_id_bytes: errors.take_value(self.max_id_bytes),
            max_streams: errors.take_value(self.max_streams),
            stream_idle_timeout: errors.take_value(self.stream_idle_timeout),
            drain_grace_period: MAX_DRAIN_GRACE.min(drain_deadline / 2),
        };
        CallLimits { request_limits, max_concurrent_streams: errors.take_value(self.max_concurrent_streams) }
    }
}
