//! HTTP/2 connection to the server, with automatic reconnection and call timeouts.

use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use super::config::QdrantConfig;
use super::error;
use crate::store::StoreError;
use crate::trace;

/// Idle time after which an HTTP/2 ping checks the connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Timeout of the ping's reply. Without pings, calls would be sent on a dead connection until TCP gives up, after minutes.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Lower bound of both times, which are capped at a third of the call timeout: a dead connection should be detected early
/// enough that the next attempt uses a new one.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Maximum size of a response in bytes; sufficient for 1,000 hits with their texts.
const MAX_RESPONSE_BYTES: usize = 256 << 20;

/// Channel that adds the API key and the trace context to each request.
pub(super) type InterceptedChannel = InterceptedService<Channel, HeaderInterceptor>;

/// Lazily established connection to a server.
#[derive(Debug)]
pub(super) struct QdrantConnection {
    config: QdrantConfig,
    interceptor: HeaderInterceptor,
    /// `None` once closed. Calls in flight keep their clone.
    channel: Mutex<Option<Channel>>,
}

impl QdrantConnection {
    pub fn new(config: QdrantConfig) -> Result<Self, StoreError> {
        let cap_interval = |limit: Duration| limit.min((config.timeout / 3).max(MIN_KEEP_ALIVE));
        let mut endpoint = Endpoint::from(config.url.uri().clone())
            .connect_timeout(config.connect_timeout)
            .http2_keep_alive_interval(cap_interval(KEEP_ALIVE_INTERVAL))
            .keep_alive_timeout(cap_interval(KEEP_ALIVE_TIMEOUT))
            .keep_alive_while_idle(true);
        if config.url.is_tls() {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_native_roots())
                .map_err(|error| StoreError::Failed(format!("failed to set up TLS: {error}")))?;
        }
        let interceptor = HeaderInterceptor(config.api_key.as_ref().and_then(|key| key.to_header()));
        // Connects lazily, so that the server can start while Qdrant is down.
        Ok(Self { config, interceptor, channel: Mutex::new(Some(endpoint.connect_lazy())) })
    }

    pub fn config(&self) -> &QdrantConfig {
        &self.config
    }

    pub fn points_client(&self) -> Result<PointsClient<InterceptedChannel>, StoreError> {
        Ok(PointsClient::new(self.intercepted_channel()?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    pub fn collections_client(&self) -> Result<CollectionsClient<InterceptedChannel>, StoreError> {
        Ok(CollectionsClient::new(self.intercepted_channel()?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// Awaits a call on a collection, with the configured timeout.
    pub async fn call<T>(
        &self,
        collection: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, StoreError> {
        self.call_with_timeout(self.config.timeout, collection, call).await
    }

    /// Awaits a call on a collection, and converts its status into a [`StoreError`].
    ///
    /// # Errors
    /// [`StoreError::Timeout`] after `timeout`; otherwise the converted status.
    pub async fn call_with_timeout<T>(
        &self,
        timeout: Duration,
        collection: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(error::to_store_error(&status, &self.config, collection)),
            Err(_) => Err(StoreError::Timeout(format!("no response from {} within {timeout:?}", self.config.url))),
        }
    }

    pub fn close(&self) {
        self.channel.lock().take();
    }

    pub fn intercepted_channel(&self) -> Result<InterceptedChannel, StoreError> {
        let channel = self.channel.lock().clone();
        let channel = channel.ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))?;
        Ok(InterceptedService::new(channel, self.interceptor.clone()))
    }
}

/// Interceptor that adds the `api-key` header and the trace context.
#[derive(Debug, Clone)]
pub(super) struct HeaderInterceptor(Option<MetadataValue<Ascii>>);

impl Interceptor for HeaderInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("api-key", key.clone());
        }
        trace::inject_context(request.metadata_mut());
        Ok(request)
    }
}
