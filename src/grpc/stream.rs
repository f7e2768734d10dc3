//! The two halves of a bidirectional call.
//!
//! A task reads requests, as fast as the pipeline takes them; the response stream gives out results, as fast as the client
//! takes them. The response ends after the last result, with the status that the reader ended with.

use std::future::Future;
use std::pin::Pin;

use futures_util::{Stream, TryStreamExt, stream};
use metrics::gauge;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::Pass;
use super::status::status;
use crate::metrics as names;
use crate::pipeline::Finished;
use crate::types::{Fault, Reason};

/// What the client gets.
pub type Responses<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Counts a stream as open while it lives, and keeps the server from ending before it.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _pass: Pass,
}

impl OpenStream {
    pub fn new(call: &'static str, pass: Pass) -> Self {
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Self { call, _pass: pass }
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

/// The next request; `None` when the client has sent all, or has gone.
///
/// # Errors
/// If the server is stopping, or what came is no request.
pub async fn next_request<T>(
    requests: &mut Streaming<T>,
    stopping: &CancellationToken,
    abandoned: impl Future<Output = ()>,
) -> Result<Option<T>, Status> {
    tokio::select! {
        biased;
        () = stopping.cancelled() => Err(stopping_status()),
        () = abandoned => Ok(None),
        request = requests.message() => request,
    }
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
