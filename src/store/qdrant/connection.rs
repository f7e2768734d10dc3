//! One HTTP/2 connection to the server, which reconnects by itself, and the bounds of a call.

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

/// A connection that is silent for so long is asked whether it is alive,
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// and given up if no answer comes. Otherwise calls would go into a dead connection until TCP gives up, in minutes.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Where calls may take less time, a dead connection is found sooner too: the next attempt is to go through another.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// The largest answer that is taken, in bytes: 1,000 hits with their texts fit.
const MAX_RESPONSE_BYTES: usize = 256 << 20;

/// A channel that sends the API key along.
pub(super) type InterceptedChannel = InterceptedService<Channel, HeaderInterceptor>;

/// The way to one server.
#[derive(Debug)]
pub(super) struct QdrantConnection {
    config: QdrantConfig,
    interceptor: HeaderInterceptor,
    /// `None` once closed. Calls under way keep their clone.
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
                .map_err(|error| StoreError::Failed(format!("TLS can't be set up: {error}")))?;
        }
        let interceptor = HeaderInterceptor(config.api_key.as_ref().and_then(|key| key.to_header()));
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

    /// Waits for the answer to a call on a collection, for as long as the configuration allows.
    pub async fn call<T>(
        &self,
        collection: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, StoreError> {
        self.call_with_timeout(self.config.timeout, collection, call).await
    }

    /// Waits for the answer to a call on a collection.
    pub async fn call_with_timeout<T>(
        &self,
        timeout: Duration,
        collection: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(error::to_store_error(&status, &self.config, collection)),
            Err(_) => Err(StoreError::Timeout(format!("no answer from {} in {timeout:?}", self.config.url))),
        }
    }

    pub fn close(&self) {
        self.channel.lock().take();
    }

    pub fn intercepted_channel(&self) -> Result<InterceptedChannel, StoreError> {
        let channel = self.channel.lock().clone();
        let channel = channel.ok_or_else(|| StoreError::Unavailable("it has been closed".to_owned()))?;
        Ok(InterceptedService::new(channel, self.interceptor.clone()))
    }
}

/// The headers that say who is calling, and in which trace.
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
