//! What several tests of the pipeline use.

use std::task::Poll;

/// Whether a future is not ready now.
pub async fn pending<F: Future>(future: F) -> bool {
    tokio::pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}
