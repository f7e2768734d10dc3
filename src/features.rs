//! The optional parts of a build: cargo features, all of them on by default.

/// Describes a setting that this build can't honour, and the remedy.
pub fn describe_missing_feature(setting: &str, feature: &str) -> String {
    format!("{setting} needs the cargo feature `{feature}`, which this build is without; use a build with it")
}
