//! File and line in which flags are set, for error messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Flags that the configuration file sets, and the errors in the file itself. Empty if there is no file.
#[derive(Debug, Clone, Default)]
pub struct FileSource {
    pub path: PathBuf,
    /// Line of each flag whose value comes from the file, by the name without `--`.
    pub lines: BTreeMap<String, usize>,
    pub errors: Vec<String>,
}

impl FileSource {
    /// Returns the name of a flag for messages: `--threads`, or `--threads (sidecar.toml:3)` if the file sets it.
    pub fn describe_flag(&self, flag: &str) -> String {
        match self.lines.get(flag) {
            Some(line) => format!("--{flag} ({}:{line})", self.path.display()),
            None => format!("--{flag}"),
        }
    }
}
