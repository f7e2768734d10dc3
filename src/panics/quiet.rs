//! Catching of panics without a report by the panic hook.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use super::{Panic, catch};

thread_local! {
    /// Suppresses the panic hook on this thread while true.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` and catches a panic without running the panic hook, for panics that invalid input causes and the caller
/// reports as an error. Does not nest.
///
/// # Errors
/// The panic.
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
