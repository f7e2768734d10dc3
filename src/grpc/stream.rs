//! The two halves of a bidirectional call.
//!
//! A task reads requests, as fast as the pipeline takes them; the response stream gives out results, as fast as the client
//! takes them. The response ends after the last result, with the status that the reader ended with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt, stream};
use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Status, Streaming};

use super::status::status;
use super::{Pass, Shared};
use crate::metrics as names;
use crate::pipeline::Finished;
use crate::types::{Fault, Reason};

/// What the client gets.
pub type Responses<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Counts a stream as open while it lives, and keeps the server from ending before it.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _permit: OwnedSemaphorePermit,
    _pass: Pass,
}

impl OpenStream {
    /// # Errors
    /// If as many streams are open as there may be.
    pub fn new(call: &'static str, pass: Pass) -> Result<Self, Status> {
        let permit = Arc::clone(&pass.streams).try_acquire_owned().map_err(|_| {
            let max = pass.limits.streams;
            let message =
                format!("{max} streams are open, and more are not taken; try again later, or raise --max-streams");
            status(Fault::new(Reason::Overloaded, "", message))
        })?;
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Ok(Self { call, _permit: permit, _pass: pass })
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
pub async fn first_request<T>(requests: &mut Streaming<T>, shared: &Shared) -> Result<Option<T>, Status> {
    next_request(requests, shared, std::future::ready(()), std::future::pending()).await
}

/// The next request; `None` when the client has sent all, or has gone. `settled` ends when the stream has nothing on its
/// way.
///
/// # Errors
/// If the server is stopping, what came is no request, or nothing came for too long.
pub async fn next_request<T>(
    requests: &mut Streaming<T>,
    shared: &Shared,
    settled: impl Future<Output = ()>,
    abandoned: impl Future<Output = ()>,
) -> Result<Option<T>, Status> {
    let idle = async {
        settled.await;
        sleep(shared.limits.stream_idle).await;
    };
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => Err(stopping_status()),
        () = abandoned => Ok(None),
        request = requests.message() => request,
        () = idle => Err(idle_status(shared.limits.stream_idle)),
    }
}

fn idle_status(idle: Duration) -> Status {
    let message = format!(
        "nothing came for {idle:?} and nothing was on its way; open another stream when there is something to send, or \
         raise --stream-idle-timeout"
    );
    status(Fault::new(Reason::StreamIdle, "", message))
}

/// What a stream ends with that the server's end cut short.
pub fn stopping_status() -> Status {
    let message = "the server is stopping: every document that it read has its result; send the rest to another one";
    status(Fault::new(Reason::ShuttingDown, "", message))
}

/// The response stream of a bidirectional call.
pub struct Responder<K, T> {
    pub results: mpsc::Receiver<Finished<K, T>>,
    pub reader: JoinHandle<Result<(), Status>>,
    pub deadline: Option<Instant>,
    /// The most results of one response message. Clients take messages of up to 4 MiB unless they are told otherwise.
    pub results_a_message: usize,
    /// Open until the last response has left.
    pub _open: OpenStream,
}

impl<K: Send + 'static, T: Send + 'static> Responder<K, T> {
    /// Gives out results as they come, several a message. Each that is taken makes room for another of this client.
    pub fn respond<R: 'static>(self, into: impl FnMut(Vec<Finished<K, T>>) -> R + Send + 'static) -> Responses<R> {
        Box::pin(stream::unfold(Some((self, into)), async |state| {
            let (mut responder, mut into) = state?;
            match responder.next().await {
                Ok(Some(results)) => Some((Ok(into(results)), Some((responder, into)))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Vec<Finished<K, T>>>, Status> {
        let mut results = Vec::new();
        let received = self.results.recv_many(&mut results, self.results_a_message);
        let count = match self.deadline {
            None => received.await,
            Some(deadline) => timeout_at(deadline, received).await.map_err(|_| {
                let message = "the call's deadline passed; send what has no result again, with more time";
                status(Fault::new(Reason::Cancelled, "", message))
            })?,
        };
        if count > 0 {
            return Ok(Some(results));
        }
        match (&mut self.reader).await {
            Ok(outcome) => outcome.map(|()| None),
            Err(error) => Err(status(Fault::new(Reason::Internal, "", format!("the stream's reader failed: {error}")))),
        }
    }
}
