//! Lock file next to a checkpoint, so that only one run uses it. It contains the process id and host of its owner.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Maximum number of bytes read from a lock file: a process id and a host name.
const MAX_OWNER_BYTES: u64 = 300;

/// Lock on `FILE.lock`. The operating system releases it when the process ends, also after a crash.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Locks a checkpoint; to be called before it is read. Blocks.
    ///
    /// # Errors
    /// If another run holds the lock, or the lock file can't be written.
    pub fn acquire(checkpoint: &Path) -> anyhow::Result<Self> {
        let path = checkpoint.with_added_extension("lock");
        loop {
            let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = open.with_context(|| {
                format!("can't write the lock file {}; set another path with --checkpoint", path.display())
            })?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!("{}", describe_owner(&mut file)),
                Err(TryLockError::Error(error)) => {
                    bail!("can't lock {} ({error}); set a path on a local disk with --checkpoint", path.display())
                }
            }
            // A run that ends removes its lock file. If that happened since the open, the lock is on a removed file: retry.
            let is_current =
                fs::metadata(&path).is_ok_and(|now| now.ino() == file.metadata().map_or(0, |own| own.ino()));
            if is_current {
                write_owner(&mut file).with_context(|| format!("can't write the lock file {}", path.display()))?;
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The file is removed while it is still locked, so another run can't have locked it.
        let _ = fs::remove_file(&self.path);
    }
}

fn write_owner(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} {}", std::process::id(), read_hostname())
}

fn describe_owner(file: &mut File) -> String {
    let mut owner = String::new();
    // If it can't be read, the message omits the owner.
    let _ = file.take(MAX_OWNER_BYTES).read_to_string(&mut owner);
    let owner = match owner.trim().split_once(' ') {
        Some((pid, host)) => format!("process {pid} on {host} uses it"),
        None => "another process uses it".to_owned(),
    };
    format!("{owner}; wait for that run, stop it, or set another path with --checkpoint")
}

/// Returns the host name of this machine or container.
fn read_hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().replace(char::is_whitespace, "-");
    if name.is_empty() { "this host".replace(' ', "-") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_second_run_names_the_owner() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = directory.path().join("checkpoint");
        let first = RunLock::acquire(&checkpoint).unwrap();
        let error = RunLock::acquire(&checkpoint).unwrap_err().to_string();
        assert!(error.contains(&format!("process {} on ", std::process::id())), "{error}");
        drop(first);
        let second = RunLock::acquire(&checkpoint).unwrap();
        drop(second);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no lock is left behind");
        // The lock file of a killed run is not locked.
        fs::write(directory.path().join("checkpoint.lock"), "1 elsewhere\n").unwrap();
        assert!(RunLock::acquire(&checkpoint).is_ok());
    }
}
