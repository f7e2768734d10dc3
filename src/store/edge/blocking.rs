//! Work on tokio's blocking threads.

use tokio::task::spawn_blocking;

use crate::store::StoreError;

/// Runs work on a blocking thread.
///
/// # Errors
/// The error of `work`; [`StoreError::Failed`] if it panics.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Failed(format!("a blocking task panicked: {error}"))))
}
