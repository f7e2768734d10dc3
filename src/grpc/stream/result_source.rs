//! Source of the results of a stream, which can be ended from another task.

use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tonic::Status;

use super::open_stream::OpenStream;
use crate::pipeline::{Delivery, ResultReceiver};

/// Results of a stream until [`Self::end_with`] ends it.
pub struct ResultSource<K, T>(Mutex<SourceState<K, T>>);

enum SourceState<K, T> {
    Open {
        results: ResultReceiver<K, T>,
        waker: Option<Waker>,
        /// Permit of the stream, held until its last response is sent.
        _open_stream: OpenStream,
    },
    Ended(Status),
}

impl<K, T> ResultSource<K, T> {
    pub fn new(results: ResultReceiver<K, T>, open_stream: OpenStream) -> Self {
        Self(Mutex::new(SourceState::Open { results, waker: None, _open_stream: open_stream }))
    }

    /// Polls for up to `max_results` results; an empty list at the end.
    pub fn poll_results(&self, cx: &mut Context<'_>, max_results: usize) -> Poll<Result<Vec<Delivery<K, T>>, Status>> {
        match &mut *self.0.lock() {
            SourceState::Ended(status) => Poll::Ready(Err(status.clone())),
            SourceState::Open { results, waker, .. } => {
                // Stored because `end_with` is called by another task and must wake the response stream.
                *waker = Some(cx.waker().clone());
                results.poll_recv_many(cx, max_results).map(Ok)
            }
        }
    }

    /// Ends the stream with a status. Drops its waiting results and releases its permit.
    pub fn end_with(&self, status: Status) {
        // The lock is released at the end of this statement, before the results are dropped and the task is woken.
        let previous = std::mem::replace(&mut *self.0.lock(), SourceState::Ended(status));
        if let SourceState::Open { waker: Some(waker), .. } = previous {
            waker.wake();
        }
    }
}
