//! The results of a stream, until it is ended.

use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tonic::Status;

use super::open_stream::OpenStream;
use crate::pipeline::{Delivery, ResultReceiver};

/// Where a stream's results come from, until the stream is ended.
pub struct Source<K, T>(Mutex<SourceState<K, T>>);

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
    pub fn new(results: ResultReceiver<K, T>, open: OpenStream) -> Self {
        Self(Mutex::new(SourceState::Open { results, waker: None, _open: open }))
    }

    /// Receives results; none when there will be no more.
    pub fn poll(&self, context: &mut Context<'_>, max: usize) -> Poll<Result<Vec<Delivery<K, T>>, Status>> {
        match &mut *self.0.lock() {
            SourceState::Ended(status) => Poll::Ready(Err(status.clone())),
            SourceState::Open { results, waker, .. } => {
                *waker = Some(context.waker().clone());
                results.poll_recv_many(context, max).map(Ok)
            }
        }
    }

    /// Ends the stream with this status. Drops the results that wait, and gives up the stream's place.
    pub fn end(&self, status: Status) {
        let ended = std::mem::replace(&mut *self.0.lock(), SourceState::Ended(status));
        if let SourceState::Open { waker: Some(waker), .. } = ended {
            waker.wake();
        }
    }
}
