//! The results of a stream, until it is ended.

use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tonic::Status;

use super::open_stream::OpenStream;
use crate::pipeline::{Delivery, ResultReceiver};

/// Where a stream's results come from, until the stream is ended.
pub struct ResultSource<K, T>(Mutex<SourceState<K, T>>);

enum SourceState<K, T> {
    Open {
        results: ResultReceiver<K, T>,
        waker: Option<Waker>,
        /// Open until the last response has left.
        _open_stream: OpenStream,
    },
    Ended(Status),
}

impl<K, T> ResultSource<K, T> {
    pub fn new(results: ResultReceiver<K, T>, open_stream: OpenStream) -> Self {
        Self(Mutex::new(SourceState::Open { results, waker: None, _open_stream: open_stream }))
    }

    /// Receives results; none when there will be no more.
    pub fn poll_results(&self, cx: &mut Context<'_>, max_results: usize) -> Poll<Result<Vec<Delivery<K, T>>, Status>> {
        match &mut *self.0.lock() {
            SourceState::Ended(status) => Poll::Ready(Err(status.clone())),
            SourceState::Open { results, waker, .. } => {
                *waker = Some(cx.waker().clone());
                results.poll_recv_many(cx, max_results).map(Ok)
            }
        }
    }

    /// Ends the stream with this status. Drops the results that wait, and gives up the stream's place.
    pub fn end_with(&self, status: Status) {
        let previous = std::mem::replace(&mut *self.0.lock(), SourceState::Ended(status));
        if let SourceState::Open { waker: Some(waker), .. } = previous {
            waker.wake();
        }
    }
}
