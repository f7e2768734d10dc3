//! Version of this build.

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Git revision of the build: 12 digits, or the value of `SPLADE_REVISION`; `dev` for a debug build, `unknown` without
/// git.
pub const REVISION: &str = env!("SPLADE_BUILD_REVISION");

/// Human-readable version and revision, with the date of the revision if it is known: `0.1.0 (a1b2c3d4e5f6,
/// 2026-11-20)`.
pub const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SPLADE_BUILD"), ")");
