//! Calls into the engine that convert its panics and errors into [`StoreError`]s.

use std::path::Path;
use std::thread;
use std::time::Duration;

use qdrant_edge::{OperationError, OperationResult};

use crate::panics::{Panic, catch};
use crate::store::StoreError;

/// Panic message of `flush` when a merge holds the segments' lock.
const LOCK_PANIC_MESSAGE: &str = "segment holder lock acquired";

/// Maximum attempts of a flush while a merge holds the lock. A merge holds it twice, for milliseconds.
const MAX_FLUSH_ATTEMPTS: usize = 100;

/// Calls `flush`, and retries while a merge holds the segments' lock.
pub(super) fn flush_with_retry(path: &Path, mut flush: impl FnMut()) -> Result<(), StoreError> {
    for _ in 0..MAX_FLUSH_ATTEMPTS {
        match catch(&mut flush) {
            Ok(()) => return Ok(()),
            Err(panic) if panic_message(&panic) == LOCK_PANIC_MESSAGE => {
                tracing::debug!("flush collided with a merge; retrying")
            }
            Err(panic) => return Err(panic_error(path, &panic)),
        }
    }
    let path = path.display();
    Err(StoreError::Failed(format!(
        "the segments in {path} are still locked after {MAX_FLUSH_ATTEMPTS} flush attempts; restart this process"
    )))
}

/// Maximum attempts to open a shard whose log is locked.
const MAX_OPEN_ATTEMPTS: usize = 100;
/// Delay between two attempts to open a shard.
const OPEN_RETRY_DELAY: Duration = Duration::from_millis(10);

/// Calls `open`, and retries while the shard's log is locked. The store's directory is locked, so no other store has the
/// shard open; but a child process between `fork` and `exec` may still hold a duplicate of the log's descriptor.
pub(super) fn open_with_retry<T>(path: &Path, open: impl Fn() -> OperationResult<T>) -> Result<T, StoreError> {
    for _ in 1..MAX_OPEN_ATTEMPTS {
        match call_engine(path, &open) {
            Err(StoreError::Failed(message)) if message.contains("WouldBlock") => sleep_before_retry(),
            result => return result,
        }
    }
    call_engine(path, open)
}

#[expect(clippy::disallowed_methods, reason = "there is no notification when the child closes the file")]
fn sleep_before_retry() {
    thread::sleep(OPEN_RETRY_DELAY);
}

/// Calls the engine.
///
/// # Errors
/// [`StoreError::Refused`] for invalid input, [`StoreError::Failed`] for disk errors, inconsistent files and panics.
pub(super) fn call_engine<T>(path: &Path, call: impl FnOnce() -> OperationResult<T>) -> Result<T, StoreError> {
    match catch(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(to_store_error(path, &error)),
        Err(panic) => Err(panic_error(path, &panic)),
    }
}

fn to_store_error(path: &Path, error: &OperationError) -> StoreError {
    match error {
        OperationError::ServiceError { .. }
        | OperationError::InconsistentStorage { .. }
        | OperationError::OutOfMemory { .. }
        | OperationError::Cancelled { .. }
        | OperationError::Timeout { .. } => {
            StoreError::Failed(format!("{error}; check the disk of {}, then restart this process", path.display()))
        }
        _ => StoreError::Refused(error.to_string()),
    }
}

fn panic_error(path: &Path, panic: &Panic) -> StoreError {
    let (message, path) = (panic_message(panic), path.display());
    StoreError::Failed(format!("the engine panicked in {path}: {message}; check the disk, then restart this process"))
}

/// Returns the message of a panic without the backtrace that the engine's errors contain.
fn panic_message(panic: &Panic) -> &str {
    let text = panic.message().unwrap_or("no message");
    text.split_once(", backtrace: ").map_or(text, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_flush_that_collides_with_a_merge_is_retried() {
        let path = Path::new("/data/docs");
        let mut locks = [None, None, Some(())].into_iter();
        let mut flush = || flush_with_retry(path, || locks.next().flatten().expect(LOCK_PANIC_MESSAGE));
        assert_eq!(flush(), Ok(()));
        let stuck = flush();
        assert!(matches!(&stuck, Err(StoreError::Failed(message)) if message.contains("still locked")), "{stuck:?}");
    }

    #[test]
    fn a_log_that_is_locked_for_a_moment_is_opened_again() {
        let path = Path::new("/data/docs");
        let attempts = Cell::new(0);
        let opened = open_with_retry(path, || {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 { Err(OperationError::service_error("Can't init WAL: WouldBlock")) } else { Ok(7) }
        });
        assert_eq!((opened, attempts.get()), (Ok(7), 3));
        attempts.set(0);
        let failed = open_with_retry(path, || -> OperationResult<()> {
            attempts.set(attempts.get() + 1);
            Err(OperationError::service_error("disk on fire"))
        });
        assert!(failed.is_err() && attempts.get() == 1);
    }

    #[test]
    fn a_panic_of_the_engine_is_an_error_with_its_message_and_the_directory() {
        let path = Path::new("/data/docs");
        let on_fire = || -> OperationResult<()> { Err(OperationError::service_error("disk on fire")) };
        let failures = [
            flush_with_retry(path, || on_fire().expect("segments flushed")),
            call_engine(path, || panic!("disk on fire")),
            call_engine(path, on_fire),
        ];
        for failure in failures {
            let Err(StoreError::Failed(message)) = failure else { panic!("{failure:?}") };
            assert!(message.contains("disk on fire") && message.contains("/data/docs"), "{message}");
            assert!(!message.contains("backtrace"), "{message}");
        }
    }
}
