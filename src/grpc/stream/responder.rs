//! Responses of a stream: results as fast as the client reads them, then the status of the reader task.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::open_stream::OpenStream;
use super::responses::ResponseStream;
use super::result_source::ResultSource;
use crate::pipeline::{Delivery, ItemResult, ResultReceiver, Slot};
use crate::types::{ApiError, ErrorReason};

/// Builder of the response stream of a bidirectional call.
pub struct Responder<K, T> {
    source: Arc<ResultSource<K, T>>,
    reader: JoinHandle<Result<(), Status>>,
    deadline: Option<Instant>,
    max_results: usize,
    /// Task that ends the stream if its client reads nothing for too long.
    _stall_watch: AbortOnDropHandle<()>,
}

impl<K: Send + 'static, T: Send + 'static> Responder<K, T> {
    /// Creates a responder that returns `results`, and then the status of `reader`.
    ///
    /// A response message has at most `max_results` results, because gRPC clients accept messages of up to 4 MiB by default.
    pub fn new(
        results: ResultReceiver<K, T>,
        reader: JoinHandle<Result<(), Status>>,
        deadline: Option<Instant>,
        max_results: usize,
        open_stream: OpenStream,
    ) -> Self {
        let (clock, timeout) = (results.stall_detector(), open_stream.stall_timeout());
        let source = Arc::new(ResultSource::new(results, open_stream));
        // Weak, so that the results are dropped together with the response, and not when the watch ends.
        let watched = Arc::downgrade(&source);
        let watch = tokio::spawn(async move {
            clock.wait_stalled(timeout).await;
            if let Some(source) = watched.upgrade() {
                source.end_with(stalled_status(timeout));
            }
        });
        Self { source, reader, deadline, max_results, _stall_watch: AbortOnDropHandle::new(watch) }
    }

    /// Returns the response stream, with several results per message. The slot of a result is released when the client has read
    /// it, which admits another result of this stream.
    pub fn respond<R: 'static>(
        self,
        mut to_response: impl FnMut(Vec<ItemResult<K, T>>) -> R + Send + 'static,
    ) -> ResponseStream<R> {
        // The slots of a message are released when the next message is polled: until then, the message is in a buffer of the
        // transport. The slots belong to the response, so they are also released when the stream ends.
        let mut unreleased_slots: Vec<Slot> = Vec::new();
        let mut deliveries = self.deliveries();
        Box::pin(stream::poll_fn(move |cx| {
            unreleased_slots.clear();
            deliveries.poll_next_unpin(cx).map_ok(|delivered| {
                let split = delivered.into_iter().map(|Delivery { result: finished, slot }| (finished, slot));
                let (finished, slots) = split.unzip();
                unreleased_slots = slots;
                to_response(finished)
            })
        }))
    }

    /// Returns the results as a stream, together with their slots, which the caller must release.
    pub fn deliveries(self) -> ResponseStream<Vec<Delivery<K, T>>> {
        Box::pin(stream::unfold(Some(self), async |responder| {
            let mut responder = responder?;
            match responder.next_deliveries().await {
                Ok(Some(delivered)) => Some((Ok(delivered), Some(responder))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    async fn next_deliveries(&mut self) -> Result<Option<Vec<Delivery<K, T>>>, Status> {
        let receive = poll_fn(|cx| self.source.poll_results(cx, self.max_results));
        let delivered = match self.deadline {
            None => receive.await,
            Some(deadline) => timeout_at(deadline, receive).await.map_err(|_| {
                let message =
                    "the deadline of the call passed; send the items without a result again, with a longer deadline";
                Status::from(ApiError::new(ErrorReason::Cancelled, "", message))
            })?,
        }?;
        // An empty list means that all results are delivered, so the reader has ended or is about to end.
        if !delivered.is_empty() {
            return Ok(Some(delivered));
        }
        match (&mut self.reader).await {
            Ok(outcome) => outcome.map(|()| None),
            Err(error) => {
                let message = format!("the task that reads the stream failed: {error}; open another stream and resume");
                Err(ApiError::new(ErrorReason::Internal, "", message).into())
            }
        }
    }
}

/// Returns the status of a stream whose client read no results for too long.
fn stalled_status(timeout: Duration) -> Status {
    let message = format!(
        "the client read no results for {timeout:?}; read responses while sending, then open another stream and resume \
         from durable_through + 1, or raise --stream-idle-timeout"
    );
    ApiError::new(ErrorReason::StreamIdle, "", message).into()
}
