//! Responses of `Ingest`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::open::ResponseOptions;
use super::result::to_operation_result;
use crate::grpc::context::ServiceContext;
use crate::grpc::stream::{Responder, ResponseStream};
use crate::pipeline::{IngestHandle, OperationKey, OperationOutcome, StreamProgress};
use crate::proto::{IngestDraining, IngestResponse};

/// Notice to the client of a stream that the server is draining.
pub struct DrainNotice {
    stopping: CancellationToken,
    grace_period: Duration,
    read_through: Arc<AtomicU64>,
}

impl DrainNotice {
    pub fn new(context: &ServiceContext, ingest: &IngestHandle) -> Self {
        let (stopping, grace) = (context.stopping.clone(), context.limits.drain_grace_period);
        Self { stopping, grace_period: grace, read_through: ingest.read_through() }
    }
}

/// Returns the response stream: the opening response, then results as they become available, and a notice when the server
/// starts to drain.
pub fn respond(
    responder: Responder<OperationKey, OperationOutcome>,
    response_options: ResponseOptions,
    drain_notice: DrainNotice,
) -> ResponseStream<IngestResponse> {
    let ResponseOptions { opened, first_sequence, only_problems } = response_options;
    let DrainNotice { stopping, grace_period: grace, read_through } = drain_notice;
    let mut results = responder.respond(|finished| finished);
    let mut progress = StreamProgress::new(first_sequence);
    let mut opened = Some(opened);
    let mut stopping = Some(Box::pin(stopping.cancelled_owned()));
    Box::pin(stream::poll_fn(move |cx| {
        if opened.is_some() {
            return Poll::Ready(Some(Ok(IngestResponse {
                opened: opened.take(),
                ..build_progress_response(&progress)
            })));
        }
        // Polled before the results: a busy stream must not delay the notice.
        if let Some(shutdown) = &mut stopping
            && shutdown.poll_unpin(cx).is_ready()
        {
            stopping = None;
            let grace_period = grace.try_into().ok();
            let draining = IngestDraining { read_through: read_through.load(Ordering::Relaxed), grace_period };
            return Poll::Ready(Some(Ok(IngestResponse {
                draining: Some(draining),
                ..build_progress_response(&progress)
            })));
        }
        results.poll_next_unpin(cx).map_ok(|finished| {
            let results = finished.into_iter().map(|finished| to_operation_result(finished, &mut progress));
            let results = results.filter(|result| !only_problems || result.error.is_some()).collect();
            IngestResponse { results, ..build_progress_response(&progress) }
        })
    }))
}

/// Returns a response with the progress of the stream: `durable_through` and the position.
fn build_progress_response(progress: &StreamProgress) -> IngestResponse {
    let (durable_through, position) = (progress.durable_through(), progress.position().to_owned());
    IngestResponse { durable_through, position, ..IngestResponse::default() }
}
