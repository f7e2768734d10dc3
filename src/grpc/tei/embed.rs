//! `Embed`: texts in, sparse vectors out.

use futures_util::{StreamExt, TryStreamExt, stream};
use metrics::counter;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::answer::{Arrival, answer, with_headers};
use super::api::TeiApi;
use super::in_order::InOrder;
use super::unimplemented::use_instead;
use crate::grpc::context::ServiceContext;
use crate::grpc::convert::check_text;
use crate::grpc::deadline::deadline;
use crate::grpc::faults::invalid;
use crate::grpc::gate::Pass;
use crate::grpc::stream::{OpenStream, Responder, Responses, next_request};
use crate::metrics as names;
use crate::pipeline::{Delivery, Encode, EncodeOptions, Encoded, Finished, Slot, Urgency};
use crate::proto::tei::embed_server::Embed;
use crate::proto::tei::{
    EmbedAllRequest, EmbedAllResponse, EmbedRequest, EmbedResponse, EmbedSparseRequest, EmbedSparseResponse,
    TruncationDirection,
};
use crate::types::{Fault, LongText, Reason, Role};

/// The most results of the pipeline that are put in order at once.
const AT_ONCE: usize = 64;

const SPARSE: &str = "it is for dense vectors, and these are sparse; use Embed.EmbedSparse";
const SPARSE_STREAM: &str = "it is for dense vectors, and these are sparse; use Embed.EmbedSparseStream";
const TERMS: &str = "it is for a dense vector of each token; use splade_sidecar.v1.EncoderService/Encode with `with_tokens` to see a text's terms";

#[tonic::async_trait]
impl Embed for TeiApi {
    async fn embed_sparse(
        &self,
        request: Request<EmbedSparseRequest>,
    ) -> Result<Response<EmbedSparseResponse>, Status> {
        let shared = self.gate.pass()?;
        let request = request.into_inner();
        let arrival = Arrival::of(&request.inputs);
        let options = shared.embed_options(&request)?;
        counter!(names::RECEIVED, "call" => "encode").increment(1);
        let model = options.model.clone();
        let encoded = shared.pipeline.encode_one(options, request.inputs).await;
        let encoded = encoded.map_err(refusal)?;
        Ok(with_headers(answer(arrival, encoded), model.device))
    }

    type EmbedSparseStreamStream = Responses<EmbedSparseResponse>;

    async fn embed_sparse_stream(
        &self,
        request: Request<Streaming<EmbedSparseRequest>>,
    ) -> Result<Response<Self::EmbedSparseStreamStream>, Status> {
        let shared = self.gate.pass()?;
        let open = OpenStream::new("encode_stream", shared.clone())?;
        let deadline = deadline(request.metadata());
        let options = shared.default_options()?;
        let (encode, results) = shared.pipeline.encode(Urgency::Bulk, options);
        let (arrivals, mut order) = InOrder::new();
        let reader = tokio::spawn(read(shared, request.into_inner(), encode, arrivals).in_current_span());
        let deliveries = Responder::new(results, reader, deadline, AT_ONCE, open).deliveries();
        let answers = deliveries.map_ok(move |delivered| stream::iter(in_order(&mut order, delivered)));
        // An answer's slot is released when the answer after it is asked for.
        let mut given: Option<Slot> = None;
        let mut answers = answers.try_flatten();
        Ok(Response::new(Box::pin(stream::poll_fn(move |context| {
            drop(given.take());
            answers.poll_next_unpin(context).map_ok(|(answer, slot)| {
                given = Some(slot);
                answer
            })
        }))))
    }

    async fn embed(&self, _: Request<EmbedRequest>) -> Result<Response<EmbedResponse>, Status> {
        Err(use_instead(SPARSE))
    }

    type EmbedStreamStream = Responses<EmbedResponse>;

    async fn embed_stream(
        &self,
        _: Request<Streaming<EmbedRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        Err(use_instead(SPARSE_STREAM))
    }

    async fn embed_all(&self, _: Request<EmbedAllRequest>) -> Result<Response<EmbedAllResponse>, Status> {
        Err(use_instead(TERMS))
    }

    type EmbedAllStreamStream = Responses<EmbedAllResponse>;

    async fn embed_all_stream(
        &self,
        _: Request<Streaming<EmbedAllRequest>>,
    ) -> Result<Response<Self::EmbedAllStreamStream>, Status> {
        Err(use_instead(TERMS))
    }
}

impl ServiceContext {
    /// How a text is encoded unless its request says otherwise.
    fn default_options(&self) -> Result<EncodeOptions, Fault> {
        let (model, role) = (self.models.get("")?, Role::default());
        let pruning = self.pruning.of(role, &model);
        Ok(EncodeOptions { model, role, long_text: LongText::Reject, pruning })
    }

    /// Checks a request. Each of a stream may ask for something else.
    fn embed_options(&self, request: &EmbedSparseRequest) -> Result<EncodeOptions, Fault> {
        let checked = check_text(&request.inputs, self.limits.text_bytes);
        checked.map_err(|fault| Fault { field: INPUTS.to_owned(), ..fault })?;
        let (role, long_text) = (role(request.prompt_name.as_deref())?, long_text(request)?);
        let options = self.default_options()?;
        Ok(EncodeOptions { role, long_text, pruning: self.pruning.of(role, &options.model), ..options })
    }
}

const INPUTS: &str = "inputs";

/// There are no roles in this API. A prompt says the same: what a text is for.
fn role(prompt_name: Option<&str>) -> Result<Role, Fault> {
    match prompt_name {
        None | Some("document") => Ok(Role::Document),
        Some("query") => Ok(Role::Query),
        Some(other) => {
            let message = format!("there is no prompt `{other}`; use `query` or `document`, or leave it out");
            Err(invalid("prompt_name", message))
        }
    }
}

fn long_text(request: &EmbedSparseRequest) -> Result<LongText, Fault> {
    let value = request.truncation_direction;
    match (request.truncate, TruncationDirection::try_from(value)) {
        (false, Ok(_)) => Ok(LongText::Reject),
        (true, Ok(TruncationDirection::Right)) => Ok(LongText::Truncate),
        (true, Ok(TruncationDirection::Left)) => Ok(LongText::TruncateLeft),
        (_, Err(_)) => {
            let message = format!("{value} is no value of TruncationDirection; use one that is");
            Err(invalid("truncation_direction", message))
        }
    }
}

/// The refusal of a text, in this API's terms. The pipeline calls it `text`.
fn refusal(fault: Fault) -> Status {
    let message = match fault.reason {
        _ if fault.field != "text" => return fault.into(),
        Reason::TextTooLong => {
            let problem = fault.message.split(';').next().unwrap_or_default();
            format!("{problem}; split it, or set `truncate`")
        }
        _ => fault.message,
    };
    Fault::new(fault.reason, INPUTS, message).into()
}

/// Reads a stream of texts to its end.
async fn read(
    shared: Pass,
    mut requests: Streaming<EmbedSparseRequest>,
    mut encode: Encode,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<(), Status> {
    let mut number = 0;
    loop {
        // Nothing is read before there is room for it.
        drop(encode.tickets.take().await?);
        let (settled, abandoned) = (encode.tickets.settled(), encode.tickets.abandoned());
        let next = next_request(&mut requests, &shared, settled, abandoned, shared.stopping.cancelled());
        let Some(request) = next.await? else { return Ok(()) };
        counter!(names::RECEIVED, "call" => "encode_stream").increment(1);
        // Fails when the client has gone.
        let Ok(()) = arrivals.send(Arrival::of(&request.inputs)).await else { return Ok(()) };
        number += 1;
        let text = shared.embed_options(&request).map(|options| {
            encode.options = options;
            request.inputs
        });
        let ticket = encode.tickets.take().await?;
        encode.submit(ticket, number, text).await?;
    }
}

/// The answers that are due now that these texts are finished, with their slots. The first refusal is the last of all.
fn in_order(
    order: &mut InOrder<Arrival, (Result<Encoded, Fault>, Slot)>,
    delivered: Vec<Delivery<u64, Encoded>>,
) -> Vec<Result<(EmbedSparseResponse, Slot), Status>> {
    for Delivery { finished: Finished { key, outcome }, mut slot } in delivered {
        // It may have to wait for an earlier one, and not for the client.
        slot.stop_waiting();
        order.put(key, (outcome, slot));
    }
    let mut due = Vec::new();
    while let Some((arrival, (outcome, mut slot))) = order.take() {
        slot.wait();
        due.push(match outcome {
            Ok(encoded) => Ok((answer(arrival, encoded), slot)),
            Err(fault) => Err(refusal(fault)),
        });
    }
    due
}
