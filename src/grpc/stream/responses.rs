//! The response stream of a bidirectional call, as tonic takes it.

use std::future::Future;
use std::pin::Pin;

use futures_util::{Stream, TryStreamExt, stream};
use tonic::Status;

/// A stream of responses.
pub type ResponseStream<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// Returns the responses that `opening` makes of the first request. The headers don't wait for it: a client may wait for them
/// before it sends anything.
pub fn open_on_first_request<R: 'static>(
    opening: impl Future<Output = Result<ResponseStream<R>, Status>> + Send + 'static,
) -> ResponseStream<R> {
    Box::pin(stream::once(opening).try_flatten())
}
