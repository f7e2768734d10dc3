//! Bounds on what a client may send, as flags set them.

use std::time::Duration;

/// The longest [`DocumentId::Key`](crate::types::DocumentId::Key) that a server can be set to take, in bytes.
pub const MAX_ID_BYTES: usize = 4_096;

/// The deepest nesting of a payload that a server can be set to take: what a Struct's decoder takes.
pub const MAX_PAYLOAD_DEPTH: usize = 32;

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Maximum size of a request message.
    pub max_message_bytes: usize,
    /// Maximum size of one text.
    pub max_text_bytes: usize,
    /// Maximum number of texts or documents per unary call.
    pub max_unary_documents: usize,
    /// Maximum size of one document's payload, as JSON without blanks.
    pub max_payload_bytes: usize,
    /// Maximum nesting of a payload, up to [`MOST_NESTED`].
    pub max_payload_depth: usize,
    /// Maximum number of dimensions of one document's dense vectors, all of them together.
    pub max_dense_dimensions: usize,
    /// Maximum length of a document's key, up to [`LONGEST_ID`].
    pub max_id_bytes: usize,
    /// Maximum number of open streams, of all clients together.
    pub max_streams: usize,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    pub stream_idle_timeout: Duration,
    /// How long a server that is about to stop continues to read streams whose clients were notified.
    pub drain_grace_period: Duration,
}

impl Default for RequestLimits {
    /// Returns the limits of a server without flags.
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
