//! Where flags were set, for messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The flags that a file sets, and the mistakes in the file itself. Without a file, there are none.
#[derive(Debug, Clone, Default)]
pub struct FileSource {
    pub path: PathBuf,
    /// The line of each flag that has its value from the file, by the flag's name without `--`.
    pub lines: BTreeMap<String, usize>,
    pub errors: Vec<String>,
}

impl FileSource {
    /// Returns what messages call a flag: `--threads`, or `--threads (sidecar.toml:3)` if its value is from the file.
    pub fn describe_flag(&self, flag: &str) -> String {
        match self.lines.get(flag) {
            Some(line) => format!("--{flag} ({}:{line})", self.path.display()),
            None => format!("--{flag}"),
        }
    }
}
