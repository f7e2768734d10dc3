//! Request bodies, read in chunks.

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

/// Maximum time for which the rest of an abandoned body is read and discarded.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Body of a request.
///
/// If the body is dropped before its end, a task reads and discards the rest for a while. Otherwise the connection of a client
/// that is still sending would be reset, and the client could lose the response with the reason.
#[derive(Debug)]
pub struct RequestBody {
    body: Body,
    /// The client may be sending. A client that waits for `100 Continue` doesn't send until the first read triggers it.
    is_sending: bool,
    is_ended: bool,
}

impl RequestBody {
    pub fn new(request: Request) -> Self {
        let is_sending = !request.headers().contains_key(EXPECT);
        Self { body: request.into_body(), is_sending, is_ended: false }
    }

    /// Returns the next chunk; `None` at the end.
    ///
    /// # Errors
    /// `CANCELLED` if the client disconnected.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Status> {
        self.is_sending = true;
        loop {
            match next_frame(&mut self.body).await {
                // Frames without data are trailers, which are ignored.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.is_ended = true;
                    return Err(Status::cancelled(format!("the request body is incomplete: {error}")));
                }
                None => {
                    self.is_ended = true;
                    return Ok(None);
                }
            }
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// `OUT_OF_RANGE` if the body has more than `max_bytes` bytes, `CANCELLED` if the client disconnected.
    pub async fn read_all(mut self, max_bytes: usize) -> Result<Bytes, Status> {
        let too_long_error = || {
            Status::out_of_range(format!(
                "the body has more than {max_bytes} bytes; send a smaller body, or raise --max-message-bytes"
            ))
        };
        // If `content-length` exceeds the maximum, nothing is read.
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
