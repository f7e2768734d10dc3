//! Settings of the gateway.

use std::sync::Arc;

use tokio::sync::watch;

use crate::grpc::RequestLimits;
use crate::grpc::auth::AuthTokens;

/// Settings of the server that the gateway needs.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub limits: RequestLimits,
    /// Maximum size of a JSON body, and of a line.
    pub max_message_bytes: usize,
    /// Valid tokens, if the server requires authentication. Used for the OpenAPI document; calls are authenticated by the gRPC
    /// layers.
    pub tokens: Option<watch::Receiver<Arc<AuthTokens>>>,
}
