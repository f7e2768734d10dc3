//! Catches panics that are the fault of the input.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use super::{Panic, catch};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` without the panic hook's report: for panics that invalid input causes, which are reported as errors.
///
/// # Errors
/// Its panic.
pub fn catch_quietly<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous_hook(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = catch(work);
    QUIET.set(false);
    outcome
}
