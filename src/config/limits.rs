//! Limits on requests, streams and calls per connection.

use std::time::Duration;

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{BoundedDuration, Count, Size};
use crate::grpc::{MAX_ID_BYTES, MAX_PAYLOAD_DEPTH, RequestLimits};

/// Maximum time that a stopping server continues to read from streams after it has announced its shutdown to the clients. It
/// is at most half of the drain deadline, so that results can still be sent.
const MAX_DRAIN_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Maximum size of one text.
    #[arg(long, env = "SPLADE_MAX_TEXT_BYTES", value_name = "BYTES", default_value = "1MiB")]
    max_text_bytes: FlagValue<Size>,
    /// Maximum number of texts or documents per unary call; capped by --max-unary-texts.
    #[arg(long, env = "SPLADE_MAX_UNARY_DOCUMENTS", value_name = "N", default_value = "256")]
    max_unary_documents: FlagValue<Count>,
    /// Maximum size of one gRPC message, JSON body or JSON line. A larger message or body fails its call; a larger line is
    /// rejected, and the call continues.
    #[arg(long, env = "SPLADE_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value = "32MiB")]
    max_message_bytes: FlagValue<Size>,
    /// Maximum number of concurrent calls per connection.
    #[arg(long, env = "SPLADE_MAX_CONCURRENT_STREAMS", value_name = "N", default_value = "1024")]
    max_concurrent_streams: FlagValue<Count>,
    /// Maximum number of open streams, all clients together. Further streams are refused.
    #[arg(long, env = "SPLADE_MAX_STREAMS", value_name = "N", default_value = "4096")]
    max_streams: FlagValue<Count>,
    /// Idle timeout of a stream: it is closed if nothing is in flight and the client sends nothing for this long, or if the
    /// client reads none of its results for this long.
    #[arg(long, env = "SPLADE_STREAM_IDLE_TIMEOUT", value_name = "DURATION", default_value = "10m")]
    stream_idle_timeout: FlagValue<BoundedDuration>,
    /// Maximum size of one document's payload, as JSON without whitespace.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_BYTES", value_name = "BYTES", default_value = "1MiB")]
    max_payload_bytes: FlagValue<Size>,
    /// Maximum nesting depth of a payload: 1 to 32.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_DEPTH", value_name = "N", default_value = "32")]
    max_payload_depth: FlagValue<Count<MAX_PAYLOAD_DEPTH>>,
    /// Maximum number of dimensions of one document's dense vectors, summed over its vectors.
    #[arg(long, env = "SPLADE_MAX_DENSE_DIMENSIONS", value_name = "N", default_value = "65536")]
    max_dense_dimensions: FlagValue<Count>,
    /// Maximum size in bytes of a document id that is a string: 1 to 4096.
    #[arg(long, env = "SPLADE_MAX_ID_BYTES", value_name = "N", default_value = "512")]
    max_id_bytes: FlagValue<Count<MAX_ID_BYTES>>,
}

/// Limits of requests and connections.
pub struct CallLimits {
    pub request_limits: RequestLimits,
    /// Maximum number of concurrent calls per connection.
    pub max_concurrent_streams: usize,
}

impl LimitArgs {
    /// Returns the limits. `max_unary_texts` caps the texts per unary call, and `drain_deadline` caps the drain grace period.
    pub fn resolve(self, max_unary_texts: usize, drain_deadline: Duration, errors: &mut ConfigErrors) -> CallLimits {
        let request_limits = RequestLimits {
            max_message_bytes: errors.take_value(self.max_message_bytes),
            max_text_bytes: errors.take_value(self.max_text_bytes),
            // A call with more texts than the admission limit could never be admitted.
            max_unary_documents: errors.take_value(self.max_unary_documents).min(max_unary_texts),
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
