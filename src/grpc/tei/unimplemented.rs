//! What there is no sparse vector in: `Predict`, `Rerank`, `Tokenize`. Each call says what to use instead.

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

/// What a call that does nothing says.
pub fn unimplemented_status(message: &str) -> Status {
    ApiError::new(ErrorReason::Unimplemented, "", message).into()
}

fn predict_status() -> Status {
    unimplemented_status("no classifier is served here; use text-embeddings-inference with one")
}

fn rerank_status() -> Status {
    unimplemented_status(
        "no cross-encoder is served here; use splade_sidecar.v1.IndexService/Explain, which scores a query and a text by their \
         sparse vectors",
    )
}

fn tokenize_status() -> Status {
    unimplemented_status(
        "tokens are not given out; use splade_sidecar.v1.EncoderService/Encode, which counts them and with `with_tokens` names \
         each term",
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
