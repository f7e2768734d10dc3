//! Which build this is.

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The git revision that it was built from: 12 digits, or what `SPLADE_REVISION` said; `dev` for a debug build, `unknown`
/// where there was no git.
pub const REVISION: &str = env!("SPLADE_BUILD_REVISION");

/// Both for people, with the revision's date where it is known: `0.1.0 (a1b2c3d4e5f6, 2026-11-20)`.
pub const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SPLADE_BUILD"), ")");
