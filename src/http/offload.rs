//! Conversions of large messages, on threads where they delay no other call.

use tokio::task::spawn_blocking;
use tonic::Status;

use super::internal_error::internal_error;

/// Maximum number of bytes that are converted on a thread that other calls wait for: about a millisecond's work.
const MAX_INLINE_BYTES: usize = 64 << 10;

/// Runs work on this many bytes: directly, or on a thread where it delays no other call.
///
/// # Errors
/// If the process ends in the meantime.
pub async fn offload<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    if bytes <= MAX_INLINE_BYTES {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|error| internal_error(error.to_string()))
}
