//! Services without sparse vectors: `Predict`, `Rerank` and `Tokenize`. Each call returns `UNIMPLEMENTED` and names an
//! alternative.

use tonic::{Request, Response, Status, Streaming};

use super::api::TeiApi;
use crate::grpc::stream::ResponseStream;
use crate::proto::tei::predict_server::Predict;
use crate::proto::tei::rerank_server::Rerank;
use crate::proto::tei::tokenize_server::Tokenize;
use crate::proto::tei::{
    DecodeRequest, DecodeResponse, EncodeRequest, EncodeResponse, PredictPairRequest, PredictRequest, PredictResponse,
    RerankRequest, RerankResponse, RerankStreamRequest,
};
use crate::types::{ApiError, ErrorReason};

/// Returns the status of a call that is not implemented.
pub fn unimplemented_status(message: &str) -> Status {
    ApiError::new(ErrorReason::Unimplemented, "", message).into()
}

fn predict_status() -> Status {
    unimplemented_status("this server has no classification model; use a text-embeddings-inference server that has one")
}

fn rerank_status() -> Status {
    unimplemented_status(
        "this server has no cross-encoder; use splade_sidecar.v1.IndexService/Explain, which scores a text against a query by \
         their sparse vectors",
    )
}

fn tokenize_status() -> Status {
    unimplemented_status(
        "this server doesn't return token ids; use splade_sidecar.v1.EncoderService/Encode, which returns the number of tokens \
         and, with `with_tokens`, the token of each term",
    )
}

#[tonic::async_trait]
impl Predict for TeiApi {
    async fn predict(&self, _: Request<PredictRequest>) -> Result<Response<PredictResponse>, Status> {
        Err(predict_status())
    }

    async fn predict_pair(&self, _: Request<PredictPairRequest>) -> Result<Response<PredictResponse>, Status> {
        Err(predict_status())
    }

    type PredictStreamStream = ResponseStream<PredictResponse>;

    async fn predict_stream(
        &self,
        _: Request<Streaming<PredictRequest>>,
    ) -> Result<Response<Self::PredictStreamStream>, Status> {
        Err(predict_status())
    }

    type PredictPairStreamStream = ResponseStream<PredictResponse>;

    async fn predict_pair_stream(
        &self,
        _: Request<Streaming<PredictPairRequest>>,
    ) -> Result<Response<Self::PredictPairStreamStream>, Status> {
        Err(predict_status())
    }
}

#[tonic::async_trait]
impl Rerank for TeiApi {
    async fn rerank(&self, _: Request<RerankRequest>) -> Result<Response<RerankResponse>, Status> {
        Err(rerank_status())
    }

    async fn rerank_stream(
        &self,
        _: Request<Streaming<RerankStreamRequest>>,
    ) -> Result<Response<RerankResponse>, Status> {
        Err(rerank_status())
    }
}

#[tonic::async_trait]
impl Tokenize for TeiApi {
    async fn tokenize(&self, _: Request<EncodeRequest>) -> Result<Response<EncodeResponse>, Status> {
        Err(tokenize_status())
    }

    type TokenizeStreamStream = ResponseStream<EncodeResponse>;

    async fn tokenize_stream(
        &self,
        _: Request<Streaming<EncodeRequest>>,
    ) -> Result<Response<Self::TokenizeStreamStream>, Status> {
        Err(tokenize_status())
    }

    async fn decode(&self, _: Request<DecodeRequest>) -> Result<Response<DecodeResponse>, Status> {
        Err(tokenize_status())
    }

    type DecodeStreamStream = ResponseStream<DecodeResponse>;

    async fn decode_stream(
        &self,
        _: Request<Streaming<DecodeRequest>>,
    ) -> Result<Response<Self::DecodeStreamStream>, Status> {
        Err(tokenize_status())
    }
}
