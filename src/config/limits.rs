//! Bounds on what a client may send.

use std::time::Duration;

use clap::Args;

use super::mistakes::Mistakes;
use super::setting::Setting;
use super::values::{BoundedDuration, Count, Size};
use crate::grpc::{LONGEST_ID, MOST_NESTED, RequestLimits};

/// How long a server that is about to stop reads on in streams whose clients were told, unless the drain deadline is short.
const MAX_DRAIN_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// The most bytes of one text.
    #[arg(long, env = "SPLADE_MAX_TEXT_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_text_bytes: Setting<Size>,
    /// The most texts or documents of one unary call; never more than --max-interactive.
    #[arg(long, env = "SPLADE_MAX_UNARY_DOCUMENTS", value_name = "N", default_value = "256")]
    max_unary_documents: Setting<Count>,
    /// The most bytes of one gRPC message, and of one body or line of JSON. A larger one ends its call; a line is rejected.
    #[arg(long, env = "SPLADE_MAX_MESSAGE_BYTES", value_name = "SIZE", default_value = "32MiB")]
    max_message_bytes: Setting<Size>,
    /// The most calls at once on one connection.
    #[arg(long, env = "SPLADE_MAX_CONCURRENT_STREAMS", value_name = "N", default_value = "1024")]
    max_concurrent_streams: Setting<Count>,
    /// The most open streams, of all clients together. One more is refused.
    #[arg(long, env = "SPLADE_MAX_STREAMS", value_name = "N", default_value = "4096")]
    max_streams: Setting<Count>,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    #[arg(long, env = "SPLADE_STREAM_IDLE_TIMEOUT", value_name = "DURATION", default_value = "10m")]
    stream_idle_timeout: Setting<BoundedDuration>,
    /// Maximum bytes of one document's payload, as JSON without blanks.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_payload_bytes: Setting<Size>,
    /// How deep a payload may be nested, up to 32.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_DEPTH", value_name = "N", default_value = "32")]
    max_payload_depth: Setting<Count<MOST_NESTED>>,
    /// The most dimensions of one document's dense vectors, all of them together.
    #[arg(long, env = "SPLADE_MAX_DENSE_DIMENSIONS", value_name = "N", default_value = "65536")]
    max_dense_dimensions: Setting<Count>,
    /// The most bytes of a document's id that is a name, up to 4096.
    #[arg(long, env = "SPLADE_MAX_ID_BYTES", value_name = "N", default_value = "512")]
    max_id_bytes: Setting<Count<LONGEST_ID>>,
}

/// The limits of calls and of connections.
pub struct Limits {
    pub requests: RequestLimits,
    /// Maximum number of concurrent calls per connection.
    pub concurrent_streams: usize,
}

impl LimitArgs {
    pub fn resolve(self, max_interactive: usize, drain_deadline: Duration, mistakes: &mut Mistakes) -> Limits {
        let requests = RequestLimits {
            message_bytes: mistakes.value(self.max_message_bytes),
            text_bytes: mistakes.value(self.max_text_bytes),
            // A call with more texts than there are places would never be let in.
            unary_documents: mistakes.value(self.max_unary_documents).min(max_interactive),
            payload_bytes: mistakes.value(self.max_payload_bytes),
            payload_depth: mistakes.value(self.max_payload_depth),
            dense_dimensions: mistakes.value(self.max_dense_dimensions),
            id_bytes: mistakes.value(self.max_id_bytes),
            streams: mistakes.value(self.max_streams),
            stream_idle: mistakes.value(self.stream_idle_timeout),
            drain_grace: MAX_DRAIN_GRACE.min(drain_deadline / 2),
        };
        Limits { requests, concurrent_streams: mistakes.value(self.max_concurrent_streams) }
    }
}
