//! Settings of the gateway.

use std::sync::Arc;

use tokio::sync::watch;

use crate::grpc::RequestLimits;
use crate::grpc::auth::AuthTokens;

/// What the gateway has to know of the server behind it.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub limits: RequestLimits,
    /// Maximum size of one body of JSON, and of one line.
    pub max_message_bytes: usize,
    /// The tokens that calls need, if they need any. The services behind check them by themselves.
    pub tokens: Option<watch::Receiver<Arc<AuthTokens>>>,
}
