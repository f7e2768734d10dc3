//! Bounds on what a client may send.

use std::time::Duration;

use clap::Args;

use super::{Check, ServeArgs};
use crate::grpc::{LONGEST_ID, MOST_NESTED, RequestLimits};

/// How long a server that is about to stop reads on in streams whose clients were told, unless the drain deadline is short.
const MAX_DRAIN_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// The most open streams, of all clients together. One more is refused.
    #[arg(long, env = "SPLADE_MAX_STREAMS", value_name = "N", default_value = "4096")]
    max_streams: String,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    #[arg(long, env = "SPLADE_STREAM_IDLE_TIMEOUT", value_name = "DURATION", default_value = "10m")]
    stream_idle_timeout: String,
    /// Maximum bytes of one document's payload, as JSON without blanks.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_BYTES", value_name = "SIZE", default_value = "1MiB")]
    max_payload_bytes: String,
    /// How deep a payload may be nested, up to 32.
    #[arg(long, env = "SPLADE_MAX_PAYLOAD_DEPTH", value_name = "N", default_value = "32")]
    max_payload_depth: String,
    /// The most dimensions of one document's dense vectors, all of them together.
    #[arg(long, env = "SPLADE_MAX_DENSE_DIMENSIONS", value_name = "N", default_value = "65536")]
    max_dense_dimensions: String,
    /// The most bytes of a document's id that is a name, up to 4096.
    #[arg(long, env = "SPLADE_MAX_ID_BYTES", value_name = "N", default_value = "512")]
    max_id_bytes: String,
}

impl Check {
    pub fn limits(&mut self, args: &ServeArgs, message_bytes: usize, drain_deadline: Duration) -> RequestLimits {
        let limits = &args.limits;
        RequestLimits {
            message_bytes,
            text_bytes: self.size("--max-text-bytes", &args.max_text_bytes),
            unary_documents: self.count("--max-unary-documents", &args.max_unary_documents),
            payload_bytes: self.size("--max-payload-bytes", &limits.max_payload_bytes),
            payload_depth: self.up_to(MOST_NESTED, "--max-payload-depth", &limits.max_payload_depth),
            dense_dimensions: self.count("--max-dense-dimensions", &limits.max_dense_dimensions),
            id_bytes: self.up_to(LONGEST_ID, "--max-id-bytes", &limits.max_id_bytes),
            streams: self.count("--max-streams", &limits.max_streams),
            stream_idle: self.duration("--stream-idle-timeout", &limits.stream_idle_timeout),
            drain_grace: MAX_DRAIN_GRACE.min(drain_deadline / 2),
        }
    }

    fn up_to(&mut self, max: usize, flag: &str, text: &str) -> usize {
        match text.trim().parse() {
            Ok(count) if (1..=max).contains(&count) => count,
            _ => {
                self.mistake(flag, text, format!("a whole number from 1 to {max}"));
                1
            }
        }
    }
}
