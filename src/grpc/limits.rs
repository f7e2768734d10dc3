//! Bounds on what a client may send, as flags set them.

use std::time::Duration;

/// The longest [`DocumentId::Key`](crate::types::DocumentId::Key) that a server can be set to take, in bytes.
pub const LONGEST_ID: usize = 4_096;

/// The deepest nesting of a payload that a server can be set to take: what a Struct's decoder takes.
pub const MOST_NESTED: usize = 32;

/// Bounds on what a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Maximum size of a request message.
    pub message_bytes: usize,
    /// Maximum size of one text.
    pub text_bytes: usize,
    /// Maximum number of texts or documents per unary call.
    pub unary_documents: usize,
    /// Maximum size of one document's payload, as JSON without blanks.
    pub payload_bytes: usize,
    /// Maximum nesting of a payload, up to [`MOST_NESTED`].
    pub payload_depth: usize,
    /// Maximum number of dimensions of one document's dense vectors, all of them together.
    pub dense_dimensions: usize,
    /// Maximum length of a document's key, up to [`LONGEST_ID`].
    pub id_bytes: usize,
    /// Maximum number of open streams, of all clients together.
    pub streams: usize,
    /// Maximum time that a stream may have nothing in flight and send nothing, or that results may wait for a client that
    /// takes none.
    pub stream_idle: Duration,
    /// How long a server that is about to stop continues to read streams whose clients were notified.
    pub drain_grace: Duration,
}

impl Default for RequestLimits {
    /// Returns the limits of a server without flags.
    fn default() -> Self {
        Self {
            message_bytes: 32 << 20,
            text_bytes: 1 << 20,
            unary_documents: 256,
            payload_bytes: 1 << 20,
            payload_depth: MOST_NESTED,
            dense_dimensions: 65_536,
            id_bytes: 512,
            streams: 4_096,
            stream_idle: Duration::from_secs(600),
            drain_grace: Duration::from_secs(5),
        }
    }
}
