//! Services of the package `tei.v1`.

use tonic::service::Routes;

use crate::grpc::readiness::Readiness;
use crate::proto::tei::embed_server::EmbedServer;
use crate::proto::tei::info_server::InfoServer;
use crate::proto::tei::predict_server::PredictServer;
use crate::proto::tei::rerank_server::RerankServer;
use crate::proto::tei::tokenize_server::TokenizeServer;

/// Implementation of all services of `tei.v1`.
#[derive(Debug, Clone)]
pub struct TeiApi {
    pub(super) readiness: Readiness,
}

/// Adds the services of `tei.v1` to `routes`. `max_message_bytes` bounds the requests of `Embed`.
pub fn add_services(routes: Routes, readiness: Readiness, max_message_bytes: usize) -> Routes {
    let api = TeiApi { readiness };
    routes
        .add_service(InfoServer::new(api.clone()))
        .add_service(EmbedServer::new(api.clone()).max_decoding_message_size(max_message_bytes))
        .add_service(PredictServer::new(api.clone()))
        .add_service(RerankServer::new(api.clone()))
        .add_service(TokenizeServer::new(api))
}
