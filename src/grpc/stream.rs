//! The two halves of a bidirectional call.
//!
//! A task reads requests, as fast as the pipeline takes them; the response stream gives out results, as fast as the client
//! takes them. The response ends after the last result, with the status that the reader ended with.
//!
//! While a client's HTTP/2 window is closed, nothing polls its response stream. A second task therefore ends a stream
//! whose client takes nothing for too long: it drops the results and gives up the stream's place.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use metrics::gauge;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use super::gate::stopping_status;
use super::{Pass, ServiceContext};
use crate::metrics as names;
use crate::pipeline::{Delivery, Finished, ResultReceiver, Slot};
use crate::types::{Fault, Reason};

/// What the client gets.
pub type Responses<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Counts a stream as open while it lives, and keeps the server from ending before it.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _permit: OwnedSemaphorePermit,
    pass: Pass,
}

impl OpenStream {
    /// # Errors
    /// If as many streams are open as there may be.
    pub fn new(call: &'static str, pass: Pass) -> Result<Self, Status> {
        let permit = Arc::clone(&pass.streams).try_acquire_owned().map_err(|_| {
            let max = pass.limits.streams;
            let message =
                format!("{max} streams are open, and more are not taken; try again later, or raise --max-streams");
            Fault::new(Reason::Overloaded, "", message)
        })?;
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Ok(Self { call, _permit: permit, pass })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(names::STREAMS, "call" => self.call).decrement(1.0);
    }
}

/// The responses that `opening` makes of the first request. The headers don't wait for it: a client may wait for them
/// before it sends anything.
pub fn opened_by_first_request<R: 'static>(
    opening: impl Future<Output = Result<Responses<R>, Status>> + Send + 'static,
) -> Responses<R> {
    Box::pin(stream::once(opening).try_flatten())
}

/// The first request of a stream; `None` when the client has sent none and will not.
///
/// # Errors
/// As of [`next_request`].
pub async fn first_request<T>(requests: &mut Streaming<T>, shared: &ServiceContext) -> Result<Option<T>, Status> {
    let (settled, abandoned) = (std::future::ready(()), std::future::pending());
    next_request(requests, shared, settled, abandoned, shared.stopping.cancelled()).await
}

/// The next request; `None` when the client has sent all, or has gone. `settled` ends when the stream has nothing in flight,
/// `stopped` when the server reads no more.
///
/// # Errors
/// If the server reads no more, what came is no request, or nothing came for too long.
pub async fn next_request<T>(
    requests: &mut Streaming<T>,
    shared: &ServiceContext,
    settled: impl Future<Output = ()>,
    abandoned: impl Future<Output = ()>,
    stopped: impl Future<Output = ()>,
) -> Result<Option<T>, Status> {
    let idle = async {
        settled.await;
        sleep(shared.limits.stream_idle).await;
    };
    tokio::select! {
        biased;
        () = stopped => Err(stopping_status()),
        () = abandoned => Ok(None),
        request = requests.message() => request,
        () = idle => Err(idle_status(shared.limits.stream_idle)),
    }
}

fn idle_status(idle: Duration) -> Status {
    let message = format!(
        "the stream was idle for {idle:?} with nothing in flight; open another stream, send an empty message as a \
         heartbeat, or raise --stream-idle-timeout"
    );
    Fault::new(Reason::StreamIdle, "", message).into()
}

/// Status of a stream whose client took no result for too long.
fn stalled_status(timeout: Duration) -> Status {
    let message = format!(
        "the client read no results for {timeout:?}; read responses while sending, then open another stream and resume \
         from durable_through + 1, or raise --stream-idle-timeout"
    );
    Fault::new(Reason::StreamIdle, "", message).into()
}

/// The response stream of a bidirectional call.
pub struct Responder<K, T> {
    source: Arc<Source<K, T>>,
    reader: JoinHandle<Result<(), Status>>,
    deadline: Option<Instant>,
    max_results: usize,
    /// Ends the stream if its client takes nothing.
    _watch: AbortOnDropHandle<()>,
}

impl<K: Send + 'static, T: Send + 'static> Responder<K, T> {
    /// Responds with `results`, then with the status that `reader` ends with.
    ///
    /// A response message has at most `max_results` results: clients take messages of up to 4 MiB unless they are told
    /// otherwise.
    pub fn new(
        results: ResultReceiver<K, T>,
        reader: JoinHandle<Result<(), Status>>,
        deadline: Option<Instant>,
        max_results: usize,
        open: OpenStream,
    ) -> Self {
        let (clock, timeout) = (results.clock(), open.pass.limits.stream_idle);
        let source = Arc::new(Source::new(results, open));
        let watched = Arc::downgrade(&source);
        let watch = tokio::spawn(async move {
            clock.stalled(timeout).await;
            if let Some(source) = watched.upgrade() {
                source.end(stalled_status(timeout));
            }
        });
        Self { source, reader, deadline, max_results, _watch: AbortOnDropHandle::new(watch) }
    }

    /// Gives out results as they come, several a message. Each that is taken makes room for another of this client.
    pub fn respond<R: 'static>(self, mut into: impl FnMut(Vec<Finished<K, T>>) -> R + Send + 'static) -> Responses<R> {
        // The slots of a message are released when the next one is asked for: until then it waits for the client too,
        // somewhere below. They go with the response, even if the stream is ended.
        let mut given: Vec<Slot> = Vec::new();
        let mut deliveries = self.deliveries();
        Box::pin(stream::poll_fn(move |context| {
            given.clear();
            deliveries.poll_next_unpin(context).map_ok(|delivered| {
                let split = delivered.into_iter().map(|Delivery { finished, slot }| (finished, slot));
                let (finished, slots) = split.unzip();
                given = slots;
                into(finished)
            })
        }))
    }

    /// Gives out results as they come, with their slots, which whoever takes them must release.
    pub fn deliveries(self) -> Responses<Vec<Delivery<K, T>>> {
        Box::pin(stream::unfold(Some(self), async |responder| {
            let mut responder = responder?;
            match responder.next().await {
                Ok(Some(delivered)) => Some((Ok(delivered), Some(responder))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Vec<Delivery<K, T>>>, Status> {
        let received = poll_fn(|context| self.source.poll(context, self.max_results));
        let delivered = match self.deadline {
            None => received.await,
            Some(deadline) => timeout_at(deadline, received).await.map_err(|_| {
                let message = "the call's deadline passed; send what has no result again, with more time";
                Status::from(Fault::new(Reason::Cancelled, "", message))
            })?,
        }?;
        if !delivered.is_empty() {
            return Ok(Some(delivered));
        }
        match (&mut self.reader).await {
            Ok(outcome) => outcome.map(|()| None),
            Err(error) => Err(Fault::new(Reason::Internal, "", format!("the stream's reader failed: {error}")).into()),
        }
    }
}

/// Where a stream's results come from, until the stream is ended.
struct Source<K, T>(Mutex<SourceState<K, T>>);

enum SourceState<K, T> {
    Open {
        results: ResultReceiver<K, T>,
        waker: Option<Waker>,
        /// Open until the last response has left.
        _open: OpenStream,
    },
    Ended(Status),
}

impl<K, T> Source<K, T> {
    fn new(results: ResultReceiver<K, T>, open: OpenStream) -> Self {
        Self(Mutex::new(SourceState::Open { results, waker: None, _open: open }))
    }

    /// Receives results; none when there will be no more.
    fn poll(&self, context: &mut Context<'_>, max: usize) -> Poll<Result<Vec<Delivery<K, T>>, Status>> {
        match &mut *self.state() {
            SourceState::Ended(status) => Poll::Ready(Err(status.clone())),
            SourceState::Open { results, waker, .. } => {
                *waker = Some(context.waker().clone());
                results.poll_recv_many(context, max).map(Ok)
            }
        }
    }

    /// Ends the stream with this status. Drops the results that wait, and gives up the stream's place.
    fn end(&self, status: Status) {
        let ended = std::mem::replace(&mut *self.state(), SourceState::Ended(status));
        if let SourceState::Open { waker: Some(waker), .. } = ended {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, SourceState<K, T>> {
        self.0.lock()
    }
}
