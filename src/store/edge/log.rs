//! The engine's own log, which it writes before each change, never reads again and never shortens.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::error::failed;
use crate::store::StoreError;

const LOG: &str = "wal";

/// Drops the parts of the engine's log that it has closed, but the last, by which it goes on numbering.
///
/// The engine only appends to the open part. It keeps the closed ones mapped, so removing them frees their space only
/// when the shard is closed; cutting them short frees it now.
pub(super) fn trim_log(shard: &Path) -> Result<(), StoreError> {
    let log = shard.join(LOG);
    let trim = || -> io::Result<()> {
        let mut closed = Vec::new();
        for entry in fs::read_dir(&log)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("closed-")?.parse::<u64>().ok());
            closed.extend(number.map(|number| (number, path)));
        }
        closed.sort_unstable();
        closed.pop();
        for (_, path) in closed {
            File::options().write(true).open(&path)?.set_len(0)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    };
    trim().map_err(|error| failed("shorten the log", &log, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_its_last_closed_part_and_its_open_ones() {
        let shard = tempfile::tempdir().expect("a temporary folder");
        let log = shard.path().join(LOG);
        fs::create_dir(&log).expect("a folder");
        for name in ["closed-0", "closed-9", "closed-31", "closed-100", "open-7", "open-8", "first-index"] {
            fs::write(log.join(name), "x").expect("a file");
        }
        trim_log(shard.path()).expect("the log is trimmed");
        let mut left: Vec<_> =
            fs::read_dir(&log).expect("the log").map(|entry| entry.expect("one").file_name()).collect();
        left.sort();
        assert_eq!(left, ["closed-100", "first-index", "open-7", "open-8"]);
    }
}
