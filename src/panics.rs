//! Conversion of panics in third-party libraries into errors.
//!
//! Some libraries panic on invalid input. All calls of `catch_unwind` are in this module. After a panic, values that
//! the closure borrowed mutably may be in an inconsistent state, so the caller must not use them again.
//!
//! See docs/adr/0030-untrusted-model-directories.md.

#[cfg(any(test, feature = "parquet"))]
mod quiet;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(any(test, feature = "parquet"))]
pub use quiet::catch_quietly;

/// Caught panic.
#[derive(Debug)]
pub struct Panic(Box<dyn Any + Send>);

impl Panic {
    /// Returns the panic's message; `None` if its payload is not text.
    pub fn message(&self) -> Option<&str> {
        let text = self.0.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| self.0.downcast_ref::<&str>().copied())
    }

    /// Returns the payload of the panic.
    #[cfg(test)]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0
    }
}

/// Runs `work` and catches a panic.
///
/// # Errors
/// The panic, which the panic hook has already reported.
#[expect(clippy::disallowed_methods, reason = "only this function may catch panics")]
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(Panic)
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn a_caught_panic_has_its_message() {
        assert_eq!(catch(|| 1).unwrap(), 1);
        assert_eq!(catch_quietly(|| panic!("levels {}", 7)).map(|()| 0).unwrap_err().message(), Some("levels 7"));
        assert_eq!(catch_quietly(|| panic!("fixed")).map(|()| 0).unwrap_err().message(), Some("fixed"));
        assert_eq!(catch_quietly(|| panic::panic_any(7)).map(|()| 0).unwrap_err().message(), None);
    }
}
