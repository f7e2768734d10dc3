//! Panics of encoders and tokenizers, which must not end the thread.

use crate::panics::catch;

/// Runs `work`.
///
/// # Errors
/// The message of its panic.
pub fn catch_panic_message<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch(work).map_err(|panic| panic.message().unwrap_or("a panic").to_owned())
}
