//! `tei.v1`, the gRPC API of Hugging Face text-embeddings-inference, as far as it is about sparse vectors: its clients find
//! the encoder under the names that they know.
//!
//! The work is that of `EncoderService`: same limits, lanes, permits and faults, counted as `encode` and `encode_stream`.
//! What differs is the form of requests and answers, and the order of a stream: its answers have no numbers, so they come
//! as the texts went.

mod answer;
mod embed;
mod in_order;
mod info;
mod unimplemented;

use tonic::service::Routes;

use super::Gate;
use crate::proto::tei::embed_server::EmbedServer;
use crate::proto::tei::info_server::InfoServer;
use crate::proto::tei::predict_server::PredictServer;
use crate::proto::tei::rerank_server::RerankServer;
use crate::proto::tei::tokenize_server::TokenizeServer;

/// All services of the package.
#[derive(Debug, Clone)]
pub struct TeiApi {
    gate: Gate,
}

/// Adds the services, with this bound on one message.
pub fn add_to(routes: Routes, gate: Gate, max_message_bytes: usize) -> Routes {
    let api = TeiApi { gate };
    routes
        .add_service(InfoServer::new(api.clone()))
        .add_service(EmbedServer::new(api.clone()).max_decoding_message_size(max_message_bytes))
        .add_service(PredictServer::new(api.clone()))
        .add_service(RerankServer::new(api.clone()))
        .add_service(TokenizeServer::new(api))
}
