//! Calls of the engine, whose panics and errors become ours.

use std::path::Path;
use std::thread;
use std::time::Duration;

use qdrant_edge::{OperationError, OperationResult};

use crate::panics::{Panic, catch};
use crate::store::StoreError;

/// What `flush` panics with where a merge holds the lock.
const LOCKED: &str = "segment holder lock acquired";

/// How often a flush that met a merge's lock is tried. A merge takes it twice, for milliseconds.
const FLUSH_ATTEMPTS: usize = 100;

/// Flushes; again where a merge held the lock.
pub(super) fn retry_while_locked(path: &Path, mut flush: impl FnMut()) -> Result<(), StoreError> {
    for _ in 0..FLUSH_ATTEMPTS {
        match catch(&mut flush) {
            Ok(()) => return Ok(()),
            Err(panic) if message(&panic) == LOCKED => tracing::debug!("a flush met a merge; trying again"),
            Err(panic) => return Err(broken(path, &panic)),
        }
    }
    let path = path.display();
    Err(StoreError::Failed(format!("the engine's segments in {path} stay locked; restart this process")))
}

/// How often a shard whose log is locked is opened, and the pause between two attempts.
const OPEN_ATTEMPTS: usize = 100;
const OPEN_PAUSE: Duration = Duration::from_millis(10);

/// Opens a shard; again while its log is locked. Nobody else has it open, for the store's folder is locked: but a child
/// process that was being started when the log was last closed has a copy of its file until it runs its program.
pub(super) fn open_unlocked<T>(path: &Path, open: impl Fn() -> OperationResult<T>) -> Result<T, StoreError> {
    for _ in 1..OPEN_ATTEMPTS {
        match guard(path, &open) {
            Err(StoreError::Failed(message)) if message.contains("WouldBlock") => pause(),
            opened => return opened,
        }
    }
    guard(path, open)
}

#[expect(clippy::disallowed_methods, reason = "the child tells nobody when it lets go of the file")]
fn pause() {
    thread::sleep(OPEN_PAUSE);
}

/// Runs a call of the engine.
pub(super) fn guard<T>(path: &Path, call: impl FnOnce() -> OperationResult<T>) -> Result<T, StoreError> {
    match catch(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(store_error(path, &error)),
        Err(panic) => Err(broken(path, &panic)),
    }
}

fn store_error(path: &Path, error: &OperationError) -> StoreError {
    match error {
        OperationError::ServiceError { .. }
        | OperationError::InconsistentStorage { .. }
        | OperationError::OutOfMemory { .. }
        | OperationError::Cancelled { .. }
        | OperationError::Timeout { .. } => {
            StoreError::Failed(format!("{error}; check the disk of {} and restart this process", path.display()))
        }
        _ => StoreError::Refused(error.to_string()),
    }
}

fn broken(path: &Path, panic: &Panic) -> StoreError {
    let (message, path) = (message(panic), path.display());
    StoreError::Failed(format!("the engine broke off in {path}: {message}; check the disk and restart this process"))
}

/// What a panic said, without the backtrace that the engine's errors carry.
fn message(panic: &Panic) -> &str {
    let text = panic.message().unwrap_or("no reason given");
    text.split_once(", backtrace: ").map_or(text, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_flush_that_meets_a_merge_is_tried_again() {
        let path = Path::new("/data/docs");
        let mut locks = [None, None, Some(())].into_iter();
        let mut flush = || retry_while_locked(path, || locks.next().flatten().expect(LOCKED));
        assert_eq!(flush(), Ok(()));
        let stuck = flush();
        assert!(matches!(&stuck, Err(StoreError::Failed(message)) if message.contains("stay locked")), "{stuck:?}");
    }

    #[test]
    fn a_log_that_is_locked_for_a_moment_is_opened_again() {
        let path = Path::new("/data/docs");
        let attempts = Cell::new(0);
        let opened = open_unlocked(path, || {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 { Err(OperationError::service_error("Can't init WAL: WouldBlock")) } else { Ok(7) }
        });
        assert_eq!((opened, attempts.get()), (Ok(7), 3));
        attempts.set(0);
        let failed = open_unlocked(path, || -> OperationResult<()> {
            attempts.set(attempts.get() + 1);
            Err(OperationError::service_error("disk on fire"))
        });
        assert!(failed.is_err() && attempts.get() == 1);
    }

    #[test]
    fn a_panic_of_the_engine_is_an_error_with_its_words_and_the_folder() {
        let path = Path::new("/data/docs");
        let on_fire = || -> OperationResult<()> { Err(OperationError::service_error("disk on fire")) };
        let failures = [
            retry_while_locked(path, || on_fire().expect("segments flushed")),
            guard(path, || panic!("disk on fire")),
            guard(path, on_fire),
        ];
        for failure in failures {
            let Err(StoreError::Failed(message)) = failure else { panic!("{failure:?}") };
            assert!(message.contains("disk on fire") && message.contains("/data/docs"), "{message}");
            assert!(!message.contains("backtrace"), "{message}");
        }
    }
}
