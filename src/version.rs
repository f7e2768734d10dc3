//! Which build this is.

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The git revision that it was built from.
pub const REVISION: &str = "unknown";
