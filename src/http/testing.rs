//! What tests of the door share.

use std::time::Duration;

use super::Settings;
use crate::grpc::RequestLimits;

/// A server's, as it is without flags.
pub fn settings() -> Settings {
    let limits = RequestLimits {
        message_bytes: 32 << 20,
        text_bytes: 1 << 20,
        unary_documents: 256,
        payload_bytes: 1 << 20,
        payload_depth: 32,
        dense_dimensions: 65_536,
        id_bytes: 512,
        streams: 4_096,
        stream_idle: Duration::from_secs(600),
        drain_grace: Duration::from_secs(5),
    };
    Settings { limits, max_message_bytes: 32 << 20, tokens: None }
}
