//! Request limits that flags configure.

use std::time::Duration;

/// Upper bound of `--max-id-bytes`: maximum length of a [`DocumentId::Key`](crate::types::DocumentId::Key), in bytes.
pub const MAX_ID_BYTES: usize = 4_096;

/// Upper bound of `--max-payload-depth`: maximum nesting of a payload that decoders of `google.protobuf.Struct` accept.
pub const MAX_PAYLOAD_DEPTH: usize = 32;

/// Limits of requests and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Maximum size of a request message.
    pub max_message_bytes: usize,
    /// Maximum size of one text.
    pub max_text_bytes: usize,
    /// Maximum number of texts or documents per unary call.
    pub max_unary_documents: usize,
    /// Maximum size of one document's payload, as JSON without whitespace.
    pub max_payload_bytes: usize,
    /// Maximum nesting of a payload, up to [`MAX_PAYLOAD_DEPTH`].
    pub max_payload_depth: usize,
    /// Maximum total number of dimensions of one document's dense vectors.
    pub max_dense_dimensions: usize,
    /// Maximum length of a document's key, up to [`MAX_ID_BYTES`].
    pub max_id_bytes: usize,
    /// Maximum number of open streams of all clients.
    pub max_streams: usize,
    /// Maximum time that a stream may be idle with nothing in flight, or that results may wait for a client that reads none.
    pub stream_idle_timeout: Duration,
    /// Time for which a draining server continues to read streams after it notified their clients.
    pub drain_grace_period: Duration,
}

impl Default for RequestLimits {
    /// Returns the default values of the flags.
    fn default() -> Self {
        Self {
            max_message_bytes: 32 << 20,
            max_text_bytes: 1 << 20,
            max_unary_documents: 256,
            max_payload_bytes: 1 << 20,
            max_payload_depth: MAX_PAYLOAD_DEPTH,
            max_dense_dimensions: 65_536,
            max_id_bytes: 512,
            max_streams: 4_096,
            stream_idle_timeout: Duration::from_secs(600),
            drain_grace_period: Duration::from_secs(5),
        }
    }
}
