//! Work on tokio's blocking threads.

use tokio::task::spawn_blocking;

use crate::store::StoreError;

/// Runs work on a blocking thread. If it panics, the call fails.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Failed(format!("a task died: {error}"))))
}
