//! State that the three gRPC services of the server share, and the checks at the start of each call.

use std::net::TcpListener;
use std::sync::Arc;

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::{Qdrant, QdrantServer};
use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::collection::Collection;
use super::counters::CounterRecorder;
use super::database::Database;
use super::{Call, Faults, Options};

/// State shared by the services.
#[derive(Debug, Clone)]
pub struct Service(Arc<ServiceState>);

#[derive(Debug)]
struct ServiceState {
    options: Options,
    database: Database,
    faults: Faults,
    counts: CounterRecorder,
}

impl Service {
    pub fn new(options: Options) -> Self {
        let database = Database::new();
        Self(Arc::new(ServiceState {
            options,
            database,
            faults: Faults::default(),
            counts: CounterRecorder::default(),
        }))
    }

    pub fn database(&self) -> &Database {
        &self.0.database
    }

    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub fn counts(&self) -> &CounterRecorder {
        &self.0.counts
    }

    /// Serves connections of the listener until the runtime is dropped.
    pub async fn serve(self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let max_message_bytes = self.options().max_message_bytes.unwrap_or(usize::MAX);
        Server::builder()
            .add_service(PointsServer::new(self.clone()).max_decoding_message_size(max_message_bytes))
            .add_service(CollectionsServer::new(self.clone()))
            .add_service(QdrantServer::new(self))
            .serve_with_incoming(incoming)
            .await
            .unwrap();
    }

    /// Counts a call and checks its access.
    pub async fn admit<T>(&self, call: Call, request: Request<T>) -> Result<T, Status> {
        self.counts().record_call(call);
        self.check_access(call, request).await
    }

    /// Checks the API key and then applies the injected faults.
    pub async fn check_access<T>(&self, call: Call, request: Request<T>) -> Result<T, Status> {
        if let (Some(key), true) = (&self.0.options.api_key, call != Call::Health) {
            match request.metadata().get("api-key").map(|given| given == key.as_str()) {
                Some(true) => {}
                Some(false) => return Err(Status::unauthenticated("Invalid API key or JWT")),
                None => {
                    let message = "Must provide an API key or an Authorization bearer token";
                    return Err(Status::unauthenticated(message));
                }
            }
        }
        self.faults().inject_fault(call).await?;
        Ok(request.into_inner())
    }

    /// Runs blocking work on a collection outside of the async threads.
    pub async fn with_collection<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Collection) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let collection = self.database().get(name)?;
        tokio::task::spawn_blocking(move || work(&collection)).await.unwrap()
    }
}

#[tonic::async_trait]
impl Qdrant for Service {
    async fn health_check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckReply>, Status> {
        self.admit(Call::Health, request).await?;
        let reply = HealthCheckReply { title: "test server".to_owned(), version: "1.20.0".to_owned(), commit: None };
        Ok(Response::new(reply))
    }
}
