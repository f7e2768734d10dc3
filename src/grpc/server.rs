//! What this server is, for clients.

use super::ServiceContext;
use super::encoding::to_count;
use super::features::FEATURES;
use crate::proto::{Server, ServerLimits};
use crate::version::{REVISION, VERSION};

/// Describes this server.
pub fn to_server(shared: &ServiceContext) -> Server {
    let limits = &shared.limits;
    Server {
        version: VERSION.to_owned(),
        revision: REVISION.to_owned(),
        features: FEATURES.map(str::to_owned).to_vec(),
        limits: Some(ServerLimits {
            max_message_bytes: to_count(limits.message_bytes),
            max_text_bytes: to_count(limits.text_bytes),
            max_payload_bytes: to_count(limits.payload_bytes),
            max_payload_depth: to_count(limits.payload_depth),
            max_id_bytes: to_count(limits.id_bytes),
            max_unary_documents: to_count(limits.unary_documents),
            max_dense_dimensions: to_count(limits.dense_dimensions),
            stream_idle_timeout: limits.stream_idle.try_into().ok(),
        }),
    }
}
