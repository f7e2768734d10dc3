//! Panics of encoders and tokenizers, caught so that the thread continues.

use crate::panics::catch;

/// Runs `work` and catches a panic.
///
/// # Errors
/// The message of the panic.
pub fn catch_panic_message<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch(work).map_err(|panic| panic.message().unwrap_or("panicked without a message").to_owned())
}
