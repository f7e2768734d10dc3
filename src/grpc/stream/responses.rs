//! Response streams of bidirectional calls, in the type that tonic requires.

use std::future::Future;
use std::pin::Pin;

use futures_util::{Stream, TryStreamExt, stream};
use tonic::Status;

/// Stream of response messages.
pub type ResponseStream<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Returns a response stream that `opening` builds when the first request is available. The response headers are sent before
/// that, because a client may wait for the headers before it sends its first request.
pub fn open_on_first_request<R: 'static>(
    opening: impl Future<Output = Result<ResponseStream<R>, Status>> + Send + 'static,
) -> ResponseStream<R> {
    Box::pin(stream::once(opening).try_flatten())
}
