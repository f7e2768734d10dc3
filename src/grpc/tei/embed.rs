//! `Embed`: encodes texts as sparse vectors.

use futures_util::{StreamExt, TryStreamExt, stream};
use metrics::counter;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::api::TeiApi;
use super::reorder_buffer::ReorderBuffer;
use super::request::{build_default_options, parse_embed_options, to_inputs_error};
use super::response::{TextArrival, add_timing_headers, to_response};
use super::unimplemented::unimplemented_status;
use crate::grpc::deadline::parse_deadline;
use crate::grpc::readiness::CallGuard;
use crate::grpc::stream::{OpenStream, Responder, ResponseStream, read_next_request};
use crate::metrics as names;
use crate::pipeline::{Delivery, EncodeHandle, EncodedVector, ItemResult, Slot, Urgency};
use crate::proto::tei::embed_server::Embed;
use crate::proto::tei::{
    EmbedAllRequest, EmbedAllResponse, EmbedRequest, EmbedResponse, EmbedSparseRequest, EmbedSparseResponse,
};
use crate::types::ApiError;

/// Maximum number of results that are received from the pipeline at once.
const MAX_RESULTS_PER_BATCH: usize = 64;

const USE_EMBED_SPARSE: &str = "this server has no dense embeddings; use Embed.EmbedSparse";
const USE_EMBED_SPARSE_STREAM: &str = "this server has no dense embeddings; use Embed.EmbedSparseStream";
const USE_ENCODE_WITH_TOKENS: &str = "this server has no dense embeddings of tokens; use \
                                      splade_sidecar.v1.EncoderService/Encode with `with_tokens` to get the terms of a text";

#[tonic::async_trait]
impl Embed for TeiApi {
    async fn embed_sparse(
        &self,
        request: Request<EmbedSparseRequest>,
    ) -> Result<Response<EmbedSparseResponse>, Status> {
        let context = self.readiness.admit()?;
        let request = request.into_inner();
        let arrival = TextArrival::new(&request.inputs);
        let options = parse_embed_options(&context, &request)?;
        counter!(names::RECEIVED, "call" => "encode").increment(1);
        let model = options.model.clone();
        let encoded = context.pipeline.encode_one(options, request.inputs).await;
        let encoded = encoded.map_err(to_inputs_error)?;
        Ok(add_timing_headers(to_response(arrival, encoded), model.device))
    }

    type EmbedSparseStreamStream = ResponseStream<EmbedSparseResponse>;

    async fn embed_sparse_stream(
        &self,
        request: Request<Streaming<EmbedSparseRequest>>,
    ) -> Result<Response<Self::EmbedSparseStreamStream>, Status> {
        let context = self.readiness.admit()?;
        let open_stream = OpenStream::new("encode_stream", context.clone())?;
        let deadline = parse_deadline(request.metadata());
        let options = build_default_options(&context)?;
        let (encode, results) = context.pipeline.start_encode(Urgency::Bulk, options);
        let (arrivals, mut reorder_buffer) = ReorderBuffer::new();
        let reader = tokio::spawn(read_texts(context, request.into_inner(), encode, arrivals).in_current_span());
        let deliveries = Responder::new(results, reader, deadline, MAX_RESULTS_PER_BATCH, open_stream).deliveries();
        let responses = deliveries.map_ok(move |delivered| stream::iter(take_in_order(&mut reorder_buffer, delivered)));
        // The slot of a response is released when the next response is polled: until then, it is in a buffer of the transport.
        let mut unreleased_slot: Option<Slot> = None;
        let mut responses = responses.try_flatten();
        Ok(Response::new(Box::pin(stream::poll_fn(move |cx| {
            drop(unreleased_slot.take());
            responses.poll_next_unpin(cx).map_ok(|(response, slot)| {
                unreleased_slot = Some(slot);
                response
            })
        }))))
    }

    async fn embed(&self, _: Request<EmbedRequest>) -> Result<Response<EmbedResponse>, Status> {
        Err(unimplemented_status(USE_EMBED_SPARSE))
    }

    type EmbedStreamStream = ResponseStream<EmbedResponse>;

    async fn embed_stream(
        &self,
        _: Request<Streaming<EmbedRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        Err(unimplemented_status(USE_EMBED_SPARSE_STREAM))
    }

    async fn embed_all(&self, _: Request<EmbedAllRequest>) -> Result<Response<EmbedAllResponse>, Status> {
        Err(unimplemented_status(USE_ENCODE_WITH_TOKENS))
    }

    type EmbedAllStreamStream = ResponseStream<EmbedAllResponse>;

    async fn embed_all_stream(
        &self,
        _: Request<Streaming<EmbedAllRequest>>,
    ) -> Result<Response<Self::EmbedAllStreamStream>, Status> {
        Err(unimplemented_status(USE_ENCODE_WITH_TOKENS))
    }
}

/// Reads a stream of texts to its end and submits them to the pipeline.
async fn read_texts(
    context: CallGuard,
    mut requests: Streaming<EmbedSparseRequest>,
    mut encode: EncodeHandle,
    arrivals: mpsc::Sender<TextArrival>,
) -> Result<(), Status> {
    let mut sequence = 0;
    loop {
        // Backpressure: waits for capacity before reading the next request.
        drop(encode.tickets.acquire().await?);
        let (settled, abandoned) = (encode.tickets.wait_all_delivered(), encode.tickets.wait_abandoned());
        let next = read_next_request(&mut requests, &context, settled, abandoned, context.stopping.cancelled());
        let Some(request) = next.await? else { return Ok(()) };
        counter!(names::RECEIVED, "call" => "encode_stream").increment(1);
        // Fails if the client cancelled the call.
        let Ok(()) = arrivals.send(TextArrival::new(&request.inputs)).await else { return Ok(()) };
        sequence += 1;
        let text = parse_embed_options(&context, &request).map(|options| {
            encode.options = options;
            request.inputs
        });
        let ticket = encode.tickets.acquire().await?;
        encode.submit(ticket, sequence, text).await?;
    }
}

/// Returns the responses that can be sent now, in order, with their slots. An error ends the stream, so it is the last response.
fn take_in_order(
    reorder_buffer: &mut ReorderBuffer<TextArrival, (Result<EncodedVector, ApiError>, Slot)>,
    delivered: Vec<Delivery<u64, EncodedVector>>,
) -> Vec<Result<(EmbedSparseResponse, Slot), Status>> {
    for Delivery { result: ItemResult { key, outcome }, mut slot } in delivered {
        // While the result waits for an earlier one, the client isn't stalled.
        slot.clear_waiting();
        reorder_buffer.insert(key, (outcome, slot));
    }
    let mut responses = Vec::new();
    while let Some((arrival, (outcome, mut slot))) = reorder_buffer.pop_next() {
        slot.mark_waiting();
        responses.push(match outcome {
            Ok(encoded) => Ok((to_response(arrival, encoded), slot)),
            Err(error) => Err(to_inputs_error(error).into()),
        });
    }
    responses
}
