//! Description of the server: version, features and limits.

use super::count::to_count;
use crate::grpc::context::ServiceContext;
use crate::grpc::features::FEATURES;
use crate::grpc::limits::RequestLimits;
use crate::proto::{Server, ServerLimits};
use crate::version::{REVISION, VERSION};

impl From<&ServiceContext> for Server {
    fn from(context: &ServiceContext) -> Self {
        Self {
            version: VERSION.to_owned(),
            revision: REVISION.to_owned(),
            features: FEATURES.map(str::to_owned).to_vec(),
            limits: Some((&context.limits).into()),
        }
    }
}

impl From<&RequestLimits> for ServerLimits {
    fn from(limits: &RequestLimits) -> Self {
        Self {
            max_message_bytes: to_count(limits.max_message_bytes),
            max_text_bytes: to_count(limits.max_text_bytes),
            max_payload_bytes: to_count(limits.max_payload_bytes),
            max_payload_depth: to_count(limits.max_payload_depth),
            max_id_bytes: to_count(limits.max_id_bytes),
            max_unary_documents: to_count(limits.max_unary_documents),
            max_dense_dimensions: to_count(limits.max_dense_dimensions),
            stream_idle_timeout: limits.stream_idle_timeout.try_into().ok(),
        }
    }
}
