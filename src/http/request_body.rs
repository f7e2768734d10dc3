//! What a client sends, piece by piece.

use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::Status;

/// How long the rest of a body is read, and thrown away, that nobody wants any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of a request.
///
/// One that is dropped before its end is read on for a while. A client that has sent more than was read would else have
/// its connection reset, and might lose the answer, which says why.
#[derive(Debug)]
pub struct RequestBody {
    body: Body,
    /// Whether the client may be sending: it does not, if it waits for `100 Continue`, which goes out with the first read.
    is_sending: bool,
    is_ended: bool,
}

impl RequestBody {
    pub fn new(request: Request) -> Self {
        let is_sending = !request.headers().contains_key(EXPECT);
        Self { body: request.into_body(), is_sending, is_ended: false }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Status> {
        self.is_sending = true;
        loop {
            match next_frame(&mut self.body).await {
                // What is no data is a trailer.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.is_ended = true;
                    return Err(Status::cancelled(format!("the request has no end: {error}")));
                }
                None => {
                    self.is_ended = true;
                    return Ok(None);
                }
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// If it has more than `max` bytes, or the client has gone.
    pub async fn read_all(mut self, max_bytes: usize) -> Result<Bytes, Status> {
        let too_long_error = || {
            Status::out_of_range(format!(
                "the body has more than {max_bytes} bytes; send less, or raise --max-message-bytes"
            ))
        };
        // Where the request says so, nothing is read.
        if self.body.size_hint().lower() > max_bytes as u64 {
            return Err(too_long_error());
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await? {
            if bytes.len() + chunk.len() > max_bytes {
                return Err(too_long_error());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.is_sending || self.is_ended || self.body.is_end_stream() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut remaining = std::mem::take(&mut self.body);
        let discard = async move { while let Some(Ok(_)) = next_frame(&mut remaining).await {} };
        runtime.spawn(timeout(DRAIN_TIMEOUT, discard));
    }
}

async fn next_frame(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}
