//! Catches panics of libraries that trust their input.
//!
//! This is the only place that catches panics. What the work borrowed mutably may be left half changed, so after a panic
//! the caller must not use it again.
//!
//! See docs/adr/0030-untrusted-model-directories.md.

#[cfg(any(test, feature = "parquet"))]
mod quiet;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(any(test, feature = "parquet"))]
pub use quiet::catch_quietly;

/// A panic that was caught.
#[derive(Debug)]
pub struct Panic(Box<dyn Any + Send>);

impl Panic {
    /// Returns the panic's message; `None` if its payload is not text.
    pub fn message(&self) -> Option<&str> {
        let text = self.0.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| self.0.downcast_ref::<&str>().copied())
    }

    /// Returns what the panic carries.
    #[cfg(test)]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
    }
}

/// Runs `work`.
///
/// # Errors
/// Its panic, which the panic hook has reported.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Panic)
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn a_panic_becomes_a_value_with_its_message() {
        assert_eq!(catch(|| 1).unwrap(), 1);
        assert_eq!(catch_quietly(|| panic!("levels {}", 7)).map(|()| 0).unwrap_err().message(), Some("levels 7"));
        assert_eq!(catch_quietly(|| panic!("fixed")).map(|()| 0).unwrap_err().message(), Some("fixed"));
        assert_eq!(catch_quietly(|| panic::panic_any(7)).map(|()| 0).unwrap_err().message(), None);
    }
}
