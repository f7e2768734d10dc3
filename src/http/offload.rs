//! Conversion of large messages on blocking threads, so that other calls are not delayed.

use tokio::task::spawn_blocking;
use tonic::Status;

use super::internal_error::internal_error;

/// Maximum size of a message that is converted on an async thread: about a millisecond of work.
const MAX_INLINE_BYTES: usize = 64 << 10;

/// Runs `work` on a message of `bytes` bytes: inline if the message is small, and otherwise on a blocking thread.
///
/// # Errors
/// `INTERNAL` if `work` panics or the runtime shuts down.
pub async fn offload<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    if bytes <= MAX_INLINE_BYTES {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|error| internal_error(error.to_string()))
}
