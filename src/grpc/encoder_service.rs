//! `EncoderService`: texts in, vectors out.

use std::sync::Arc;

use metrics::counter;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::convert::{check_text, to_encoded_text};
use super::deadline::deadline;
use super::encode::{compute_max_results, encode_all, encode_options, read, to_result};
use super::faults::invalid;
use super::gate::Gate;
use super::page::List;
use super::stream::{OpenStream, Responder, Responses, first_request, opened_by_first_request};
use crate::metrics as names;
use crate::pipeline::Urgency;
use crate::proto::encoder_service_server::EncoderService;
use crate::proto::{
    self, EncodeRequest, EncodeResponse, EncodeStreamOptions, EncodeStreamRequest, EncodeStreamResponse,
    GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse,
};
use crate::types::Fault;

/// The service.
#[derive(Debug, Clone)]
pub struct EncoderApi {
    gate: Gate,
}

impl EncoderApi {
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

#[tonic::async_trait]
impl EncoderService for EncoderApi {
    async fn encode(&self, request: Request<EncodeRequest>) -> Result<Response<EncodeResponse>, Status> {
        let shared = self.gate.pass()?;
        let EncodeRequest { model, role, encoding, with_tokens, texts, required_features } = request.into_inner();
        let options = EncodeStreamOptions { model, role, encoding, with_tokens, required_features };
        let options = encode_options(&shared, options)?;
        let max = shared.limits.unary_documents;
        if texts.is_empty() || texts.len() > max {
            let message = format!("there are {} texts; send 1 to {max}, or use EncodeStream", texts.len());
            return Err(invalid("texts", message).into());
        }
        for (index, text) in texts.iter().enumerate() {
            let checked = check_text(text, shared.limits.text_bytes);
            checked.map_err(|fault| Fault { field: format!("texts[{index}]"), ..fault })?;
        }
        counter!(names::RECEIVED, "call" => "encode").increment(texts.len() as u64);
        let model = Arc::clone(&options.model);
        let encoded = encode_all(&shared, options, texts).await?;
        let tokens_of = with_tokens.then_some(&*model);
        let results = encoded.into_iter().map(|encoded| to_encoded_text(encoded, tokens_of)).collect();
        let (name, fingerprint) = (model.name.clone(), model.fingerprint.to_string());
        Ok(Response::new(EncodeResponse { results, model: name, fingerprint }))
    }

    type EncodeStreamStream = Responses<EncodeStreamResponse>;

    async fn encode_stream(
        &self,
        request: Request<Streaming<EncodeStreamRequest>>,
    ) -> Result<Response<Self::EncodeStreamStream>, Status> {
        let shared = self.gate.pass()?;
        let open = OpenStream::new("encode_stream", shared.clone())?;
        let deadline = deadline(request.metadata());
        let mut requests = request.into_inner();
        let opening = async move {
            let first = first_request(&mut requests, &shared).await?;
            let EncodeStreamRequest { options, texts } = first.unwrap_or_default();
            let options = options.unwrap_or_default();
            let with_tokens = options.with_tokens;
            let options = encode_options(&shared, options).map_err(|fault| fault.within("options"))?;
            let model = Arc::clone(&options.model);
            let (encode, results) = shared.pipeline.encode(Urgency::Bulk, options);
            let reader = tokio::spawn(read(shared, requests, encode, texts).in_current_span());
            let max_results = compute_max_results(model.settings.vocabulary_size, with_tokens);
            let responder = Responder::new(results, reader, deadline, max_results, open);
            Ok(responder.respond(move |finished| {
                let tokens_of = with_tokens.then_some(&*model);
                EncodeStreamResponse {
                    results: finished.into_iter().map(|finished| to_result(finished, tokens_of)).collect(),
                }
            }))
        };
        Ok(Response::new(opened_by_first_request(opening)))
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<GetModelResponse>, Status> {
        let shared = self.gate.pass()?;
        let model = shared.models.get(&request.into_inner().model)?;
        Ok(Response::new(GetModelResponse { model: Some((&*model).into()), server: Some((&*shared).into()) }))
    }

    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<ListModelsResponse>, Status> {
        let shared = self.gate.pass()?;
        let ListModelsRequest { page_size, page_token } = request.into_inner();
        let list = List { method: "ListModels", scope: "" };
        let models = shared.models.iter().map(|model| (&**model).into());
        let page = list.page(models, |model: &proto::Model| &model.name, page_size, &page_token);
        let (models, next_page_token) = page?;
        let (default_model, server) = (shared.models.default_name().to_owned(), Some((&*shared).into()));
        Ok(Response::new(ListModelsResponse { models, next_page_token, default_model, server }))
    }
}
