//! `Embed`: texts in, sparse vectors out.

use futures_util::{StreamExt, TryStreamExt, stream};
use metrics::counter;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::answer::{Arrival, answer, with_headers};
use super::api::TeiApi;
use super::in_order::InOrder;
use super::request::{at_inputs, default_options, embed_options};
use super::unimplemented::use_instead;
use crate::grpc::deadline::deadline;
use crate::grpc::gate::Pass;
use crate::grpc::stream::{OpenStream, Responder, Responses, next_request};
use crate::metrics as names;
use crate::pipeline::{Delivery, Encode, Encoded, Finished, Slot, Urgency};
use crate::proto::tei::embed_server::Embed;
use crate::proto::tei::{
    EmbedAllRequest, EmbedAllResponse, EmbedRequest, EmbedResponse, EmbedSparseRequest, EmbedSparseResponse,
};
use crate::types::Fault;

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
        let options = embed_options(&shared, &request)?;
        counter!(names::RECEIVED, "call" => "encode").increment(1);
        let model = options.model.clone();
        let encoded = shared.pipeline.encode_one(options, request.inputs).await;
        let encoded = encoded.map_err(at_inputs)?;
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
        let options = default_options(&shared)?;
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
        let text = embed_options(&shared, &request).map(|options| {
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
            Err(fault) => Err(at_inputs(fault).into()),
        });
    }
    due
}
