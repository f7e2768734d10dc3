//! `EncoderService`: encodes texts as sparse vectors and describes the models.

use std::sync::Arc;

use metrics::counter;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::convert::{check_text, to_encoded_text};
use super::deadline::parse_deadline;
use super::encode::{compute_max_results, encode_texts, parse_encode_options, read_texts, to_stream_result};
use super::errors::invalid_argument;
use super::pagination::Paginator;
use super::readiness::Readiness;
use super::stream::{OpenStream, Responder, ResponseStream, open_on_first_request, read_first_request};
use crate::metrics as names;
use crate::pipeline::Urgency;
use crate::proto::encoder_service_server::EncoderService;
use crate::proto::{
    self, EncodeRequest, EncodeResponse, EncodeStreamOptions, EncodeStreamRequest, EncodeStreamResponse,
    GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse,
};
use crate::types::ApiError;

/// Implementation of `EncoderService`.
#[derive(Debug, Clone)]
pub struct EncoderApi {
    readiness: Readiness,
}

impl EncoderApi {
    pub fn new(readiness: Readiness) -> Self {
        Self { readiness }
    }
}

#[tonic::async_trait]
impl EncoderService for EncoderApi {
    async fn encode(&self, request: Request<EncodeRequest>) -> Result<Response<EncodeResponse>, Status> {
        let context = self.readiness.admit()?;
        let EncodeRequest { model, role, encoding, with_tokens, texts, required_features } = request.into_inner();
        let options = EncodeStreamOptions { model, role, encoding, with_tokens, required_features };
        let options = parse_encode_options(&context, options)?;
        let max = context.limits.max_unary_documents;
        if texts.is_empty() || texts.len() > max {
            let message = format!("the call has {} texts; send 1 to {max}, or use EncodeStream", texts.len());
            return Err(invalid_argument("texts", message).into());
        }
        for (index, text) in texts.iter().enumerate() {
            let checked = check_text(text, context.limits.max_text_bytes);
            checked.map_err(|error| ApiError { field: format!("texts[{index}]"), ..error })?;
        }
        counter!(names::RECEIVED, "call" => "encode").increment(texts.len() as u64);
        let model = Arc::clone(&options.model);
        let encoded = encode_texts(&context, options, texts).await?;
        let vocabulary_model = with_tokens.then_some(&*model);
        let results = encoded.into_iter().map(|encoded| to_encoded_text(encoded, vocabulary_model)).collect();
        let (name, fingerprint) = (model.name.clone(), model.fingerprint.to_string());
        Ok(Response::new(EncodeResponse { results, model: name, fingerprint }))
    }

    type EncodeStreamStream = ResponseStream<EncodeStreamResponse>;

    async fn encode_stream(
        &self,
        request: Request<Streaming<EncodeStreamRequest>>,
    ) -> Result<Response<Self::EncodeStreamStream>, Status> {
        let context = self.readiness.admit()?;
        // Refuses the stream before anything is read from it if too many streams are open.
        let open_stream = OpenStream::new("encode_stream", context.clone())?;
        let deadline = parse_deadline(request.metadata());
        let mut requests = request.into_inner();
        let opening = async move {
            let first = read_first_request(&mut requests, &context).await?;
            let EncodeStreamRequest { options, texts } = first.unwrap_or_default();
            let options = options.unwrap_or_default();
            let with_tokens = options.with_tokens;
            let options =
                parse_encode_options(&context, options).map_err(|error| error.with_field_prefix("options"))?;
            let model = Arc::clone(&options.model);
            let (encode, results) = context.pipeline.start_encode(Urgency::Bulk, options);
            let reader = tokio::spawn(read_texts(context, requests, encode, texts).in_current_span());
            let max_results = compute_max_results(model.settings.vocabulary_size, with_tokens);
            let responder = Responder::new(results, reader, deadline, max_results, open_stream);
            Ok(responder.respond(move |finished| {
                let vocabulary_model = with_tokens.then_some(&*model);
                EncodeStreamResponse {
                    results: finished
                        .into_iter()
                        .map(|finished| to_stream_result(finished, vocabulary_model))
                        .collect(),
                }
            }))
        };
        Ok(Response::new(open_on_first_request(opening)))
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<GetModelResponse>, Status> {
        let context = self.readiness.admit()?;
        let model = context.models.get(&request.into_inner().model)?;
        Ok(Response::new(GetModelResponse { model: Some((&*model).into()), server: Some((&*context).into()) }))
    }

    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<ListModelsResponse>, Status> {
        let context = self.readiness.admit()?;
        let ListModelsRequest { page_size, page_token } = request.into_inner();
        let paginator = Paginator { method: "ListModels", scope: "" };
        let models = context.models.iter().map(|model| (&**model).into());
        let page = paginator.paginate(models, |model: &proto::Model| &model.name, page_size, &page_token);
        let (models, next_page_token) = page?;
        let (default_model, server) = (context.models.default_name().to_owned(), Some((&*context).into()));
        Ok(Response::new(ListModelsResponse { models, next_page_token, default_model, server }))
    }
}
