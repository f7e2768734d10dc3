//! Truncation of the engine's write-ahead log, which the engine writes before each change but never reads or truncates.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::error::file_error;
use crate::store::StoreError;

const WAL_DIR: &str = "wal";

/// Removes all closed segments of the engine's log except the last, from which the engine continues the numbering.
///
/// The engine appends only to the open segment. It keeps the closed ones mapped, so that removing them would free their
/// space only when the shard is closed; truncating them first frees it immediately.
pub(super) fn trim_wal(shard: &Path) -> Result<(), StoreError> {
    let wal_dir = shard.join(WAL_DIR);
    let trim = || -> io::Result<()> {
        let mut closed_segments = Vec::new();
        for entry in fs::read_dir(&wal_dir)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("closed-")?.parse::<u64>().ok());
            closed_segments.extend(number.map(|number| (number, path)));
        }
        closed_segments.sort_unstable();
        closed_segments.pop();
        for (_, path) in closed_segments {
            File::options().write(true).open(&path)?.set_len(0)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    };
    trim().map_err(|error| file_error("truncate the log", &wal_dir, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_its_last_closed_segment_and_its_open_ones() {
        let shard = tempfile::tempdir().expect("a temporary directory");
        let wal_dir = shard.path().join(WAL_DIR);
        fs::create_dir(&wal_dir).expect("a directory");
        for name in ["closed-0", "closed-9", "closed-31", "closed-100", "open-7", "open-8", "first-index"] {
            fs::write(wal_dir.join(name), "x").expect("a file");
        }
        trim_wal(shard.path()).expect("the log is trimmed");
        let mut remaining: Vec<_> =
            fs::read_dir(&wal_dir).expect("the log").map(|entry| entry.expect("one").file_name()).collect();
        remaining.sort();
        assert_eq!(remaining, ["closed-100", "first-index", "open-7", "open-8"]);
    }
}
