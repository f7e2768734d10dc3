//! `EncoderService`: texts in, vectors out.

use std::sync::Arc;

use bytes::Bytes;
use metrics::counter;
use tonic::{Request, Response, Status, Streaming};
use tracing::{Instrument, debug_span};

use super::convert::{Encoding, check_text, parse_encoding, parse_role, to_encoded_text};
use super::deadline::deadline;
use super::faults::{invalid, late_options};
use super::features::check_features;
use super::page::List;
use super::stream::{OpenStream, Responder, Responses, first_request, next_request, opened_by_first_request};
use super::{Gate, Pass, ServiceContext};
use crate::metrics as names;
use crate::model::Model;
use crate::pipeline::{Encode, EncodeOptions, Encoded, Finished, Urgency};
use crate::proto::encode_stream_result::Outcome;
use crate::proto::encoder_service_server::EncoderService;
use crate::proto::{
    self, EncodeRequest, EncodeResponse, EncodeStreamOptions, EncodeStreamRequest, EncodeStreamResponse,
    EncodeStreamResult, GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse,
};
use crate::types::{Fault, Reason};

/// What vectors of one response message have in bytes at most, unless one alone has more. Clients take 4 MiB by default.
const VECTORS_BYTES: usize = 3 << 20;
/// The bytes of a term: its index and weight, and about as much as a token has.
const TERM_BYTES: usize = 9;
const TOKEN_BYTES: usize = 11;

/// The most vectors of one response message, should each have all terms of the vocabulary.
fn vectors_a_message(vocabulary: usize, with_tokens: bool) -> usize {
    let term = TERM_BYTES + if with_tokens { TOKEN_BYTES } else { 0 };
    (VECTORS_BYTES / (term * vocabulary).max(1)).clamp(1, 64)
}

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

impl ServiceContext {
    fn encode_options(&self, options: EncodeStreamOptions) -> Result<EncodeOptions, Fault> {
        let EncodeStreamOptions { model, role, encoding, with_tokens: _, required_features } = options;
        check_features(&required_features)?;
        let role = parse_role(role)?;
        let model = self.models.get(&model)?;
        let encoding = parse_encoding(encoding, model.side(role), self.pruning.of(role, &model));
        let Encoding { long_text, pruning } = encoding.map_err(|fault| fault.within("encoding"))?;
        Ok(EncodeOptions { model, role, long_text, pruning })
    }

    async fn encode_all(&self, options: EncodeOptions, texts: Vec<String>) -> Result<Vec<Encoded>, Fault> {
        let (encode, mut vectors) = self.pipeline.encode(Urgency::Interactive, options);
        let count = texts.len();
        let sizes: Vec<_> = texts.iter().map(String::len).collect();
        let places = encode.tickets.places(&sizes)?;
        let submit = async move {
            for (number, (text, place)) in (0u64..).zip(texts.into_iter().zip(places)) {
                encode.submit(encode.tickets.at(place).await?, number, Ok(text)).await?;
            }
            Ok(())
        };
        // Vectors are taken while texts are sent, so that the slots of the first come back for the last.
        let collect = async {
            let mut all: Vec<Option<Result<_, Fault>>> = vec![None; count];
            while let Some(Finished { key, outcome }) = vectors.recv().await {
                if let Some(place) = usize::try_from(key).ok().and_then(|key| all.get_mut(key)) {
                    *place = Some(outcome);
                }
            }
            all
        };
        let (submitted, all): (Result<(), Fault>, _) = tokio::join!(submit, collect);
        submitted?;
        let all = all.into_iter().enumerate().map(|(index, outcome)| {
            let outcome = outcome.unwrap_or_else(|| Err(Fault::new(Reason::Internal, "", "no result")));
            outcome.map_err(|fault| Fault { field: String::new(), ..fault }.within(&format!("texts[{index}]")))
        });
        all.collect()
    }
}

#[tonic::async_trait]
impl EncoderService for EncoderApi {
    async fn encode(&self, request: Request<EncodeRequest>) -> Result<Response<EncodeResponse>, Status> {
        let shared = self.gate.pass()?;
        let EncodeRequest { model, role, encoding, with_tokens, texts, required_features } = request.into_inner();
        let options = EncodeStreamOptions { model, role, encoding, with_tokens, required_features };
        let options = shared.encode_options(options)?;
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
        let encoded = shared.encode_all(options, texts).await?;
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
            let options = shared.encode_options(options).map_err(|fault| fault.within("options"))?;
            let model = Arc::clone(&options.model);
            let (encode, results) = shared.pipeline.encode(Urgency::Bulk, options);
            let reader = tokio::spawn(read(shared, requests, encode, texts).in_current_span());
            let max_results = vectors_a_message(model.settings.vocabulary_size, with_tokens);
            let responder = Responder::new(results, reader, deadline, max_results, open);
            Ok(responder.respond(move |finished| {
                let tokens_of = with_tokens.then_some(&*model);
                EncodeStreamResponse {
                    results: finished.into_iter().map(|finished| result(finished, tokens_of)).collect(),
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

/// Reads a stream of texts to its end.
async fn read(
    shared: Pass,
    mut requests: Streaming<EncodeStreamRequest>,
    encode: Encode,
    mut texts: Vec<Bytes>,
) -> Result<(), Status> {
    let mut sequence = 0;
    loop {
        counter!(names::RECEIVED, "call" => "encode_stream").increment(texts.len() as u64);
        // Not entered: what is admitted belongs to the call.
        let admit = debug_span!("admit", texts = texts.len());
        for text in texts {
            sequence += 1;
            let text = read_text(&text, shared.limits.text_bytes);
            let ticket = encode.tickets.take().await?;
            encode.submit(ticket, sequence, text).await?;
        }
        drop(admit);
        // Nothing more is read before there is room for it.
        drop(encode.tickets.take().await?);
        let (settled, abandoned) = (encode.tickets.settled(), encode.tickets.abandoned());
        match next_request(&mut requests, &shared, settled, abandoned, shared.stopping.cancelled()).await? {
            None => return Ok(()),
            Some(request) if request.options.is_some() => return Err(late_options().into()),
            Some(request) => texts = request.texts,
        }
    }
}

/// A text of a stream, which comes as bytes so that a bad one is refused alone.
fn read_text(bytes: &[u8], max_bytes: usize) -> Result<String, Fault> {
    let text = str::from_utf8(bytes).map_err(|error| invalid("text", format!("{error}; send UTF-8")))?;
    check_text(text, max_bytes).map(|()| text.to_owned())
}

fn result(finished: Finished<u64, Encoded>, tokens_of: Option<&Model>) -> EncodeStreamResult {
    let outcome = match finished.outcome {
        Ok(encoded) => Outcome::Encoded(to_encoded_text(encoded, tokens_of)),
        Err(fault) => Outcome::Error(fault.into()),
    };
    EncodeStreamResult { sequence: finished.key, outcome: Some(outcome) }
}
