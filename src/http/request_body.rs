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
const LINGER: Duration = Duration::from_secs(1);

/// The body of a request.
///
/// One that is dropped before its end is read on for a while. A client that has sent more than was read would else have
/// its connection reset, and might lose the answer, which says why.
#[derive(Debug)]
pub struct RequestBody {
    body: Body,
    /// Whether the client may be sending: it does not, if it waits for `100 Continue`, which goes out with the first read.
    sending: bool,
    ended: bool,
}

impl RequestBody {
    pub fn new(request: Request) -> Self {
        let sending = !request.headers().contains_key(EXPECT);
        Self { body: request.into_body(), sending, ended: false }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Status> {
        self.sending = true;
        loop {
            match frame(&mut self.body).await {
                // What is no data is a trailer.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.ended = true;
                    return Err(Status::cancelled(format!("the request has no end: {error}")));
                }
                None => {
                    self.ended = true;
                    return Ok(None);
                }
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// If it has more than `max` bytes, or the client has gone.
    pub async fn all(mut self, max: usize) -> Result<Bytes, Status> {
        let too_long = || {
            Status::out_of_range(format!("the body has more than {max} bytes; send less, or raise --max-message-bytes"))
        };
        // Where the request says so, nothing is read.
        if self.body.size_hint().lower() > max as u64 {
            return Err(too_long());
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if all.len() + piece.len() > max {
                return Err(too_long());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.sending || self.ended || self.body.is_end_stream() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut rest = std::mem::take(&mut self.body);
        let throw_away = async move { while let Some(Ok(_)) = frame(&mut rest).await {} };
        runtime.spawn(timeout(LINGER, throw_away));
    }
}

async fn frame(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}
