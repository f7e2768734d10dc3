//! `Info`: description of the model and the server.

use tonic::{Request, Response, Status};

use super::api::TeiApi;
use crate::grpc::context::ServiceContext;
use crate::proto::tei::info_server::Info;
use crate::proto::tei::{InfoRequest, InfoResponse, ModelType};
use crate::types::{ApiError, Role};
use crate::version::{REVISION, VERSION};

#[tonic::async_trait]
impl Info for TeiApi {
    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let context = self.readiness.admit()?;
        Ok(Response::new(build_info(&context)?))
    }
}

fn build_info(context: &ServiceContext) -> Result<InfoResponse, ApiError> {
    let model = context.models.get("")?;
    let config = context.pipeline.config();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(InfoResponse {
        version: VERSION.to_owned(),
        sha: Some(REVISION.to_owned()),
        docker_label: None,
        model_id: model.name.clone(),
        model_sha: Some(model.fingerprint.to_string()),
        model_dtype: model.dtype.to_string(),
        model_type: ModelType::Embedding.into(),
        max_concurrent_requests: count(config.max_interactive),
        max_input_length: count(model.max_length(Role::Document).unwrap_or(usize::MAX)),
        max_batch_tokens: count(config.encoders.max_batch_tokens),
        max_batch_requests: None,
        max_client_batch_size: count(context.limits.max_unary_documents),
        tokenization_workers: count(config.encoders.threads),
    })
}
