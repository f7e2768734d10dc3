//! Cargo features: optional parts of a build, all enabled by default.

/// Formats the error for a setting that needs a cargo feature missing from this build, with the remedy.
pub fn describe_missing_feature(setting: &str, feature: &str) -> String {
    format!("{setting} needs the cargo feature `{feature}`, which this build is without; use a build with it")
}
