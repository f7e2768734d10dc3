//! The responses of a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::open::Answer;
use super::result::to_result;
use crate::grpc::context::ServiceContext;
use crate::grpc::stream::{Responder, Responses};
use crate::pipeline::{Ingest, OperationKey, Progress, Stored};
use crate::proto::{IngestDraining, IngestResponse};

/// Tells a stream's client that the server is about to stop.
pub struct Drain {
    stopping: CancellationToken,
    grace: Duration,
    read_through: Arc<AtomicU64>,
}

impl Drain {
    pub fn new(shared: &ServiceContext, ingest: &Ingest) -> Self {
        let (stopping, grace) = (shared.stopping.clone(), shared.limits.drain_grace);
        Self { stopping, grace, read_through: ingest.read_through() }
    }
}

/// The responses of a stream: the opening answer, then results as they come, with the notice of the server's end among
/// them.
pub fn respond(responder: Responder<OperationKey, Stored>, answer: Answer, drain: Drain) -> Responses<IngestResponse> {
    let Answer { opened, first_sequence, only_problems } = answer;
    let Drain { stopping, grace, read_through } = drain;
    let mut results = responder.respond(|finished| finished);
    let mut progress = Progress::new(first_sequence);
    let mut opened = Some(opened);
    let mut stopping = Some(Box::pin(stopping.cancelled_owned()));
    Box::pin(stream::poll_fn(move |context| {
        if opened.is_some() {
            return Poll::Ready(Some(Ok(IngestResponse { opened: opened.take(), ..response(&progress) })));
        }
        if let Some(stopped) = &mut stopping
            && stopped.poll_unpin(context).is_ready()
        {
            stopping = None;
            let grace_period = grace.try_into().ok();
            let draining = IngestDraining { read_through: read_through.load(Ordering::Relaxed), grace_period };
            return Poll::Ready(Some(Ok(IngestResponse { draining: Some(draining), ..response(&progress) })));
        }
        results.poll_next_unpin(context).map_ok(|finished| {
            let results = finished.into_iter().map(|finished| to_result(finished, &mut progress));
            let results = results.filter(|result| !only_problems || result.error.is_some()).collect();
            IngestResponse { results, ..response(&progress) }
        })
    }))
}

/// A response that says how far the stream has come.
fn response(progress: &Progress) -> IngestResponse {
    let (durable_through, position) = (progress.through(), progress.position().to_owned());
    IngestResponse { durable_through, position, ..IngestResponse::default() }
}
