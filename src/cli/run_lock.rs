//! One run at a time uses a checkpoint: a lock beside the file, which says whose it is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// As much of a lock file is read: a process id and a host's name.
const MAX_OWNER_BYTES: u64 = 300;

/// A lock on `FILE.lock`. The system lets go of it when the process ends, whatever ends it.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Locks a checkpoint, before it is read. Blocks.
    ///
    /// # Errors
    /// If another run has it, or the lock can't be written.
    pub fn acquire(checkpoint: &Path) -> anyhow::Result<Self> {
        let path = checkpoint.with_added_extension("lock");
        loop {
            let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = open.with_context(|| {
                format!("its lock {} can't be written there; name another place with --checkpoint", path.display())
            })?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!("{}", describe_owner(&mut file)),
                Err(TryLockError::Error(error)) => {
                    bail!(
                        "its lock {} can't be taken ({error}); name a place on a disk of this machine with --checkpoint",
                        path.display()
                    )
                }
            }
            // A run that ends removes its lock: then this is no longer the file of that name.
            let is_current =
                fs::metadata(&path).is_ok_and(|now| now.ino() == file.metadata().map_or(0, |own| own.ino()));
            if is_current {
                write_owner(&mut file).with_context(|| format!("its lock {} can't be written", path.display()))?;
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // While it is locked: no other run can have it yet.
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
    // Without it, the message says less.
    let _ = file.take(MAX_OWNER_BYTES).read_to_string(&mut owner);
    let owner = match owner.trim().split_once(' ') {
        Some((pid, host)) => format!("process {pid} on {host} uses it"),
        None => "another process uses it".to_owned(),
    };
    format!("{owner}; wait for that run, stop it, or name another place with --checkpoint")
}

/// Returns the name of this machine, or of this container.
fn read_hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().replace(char::is_whitespace, "-");
    if name.is_empty() { "this host".replace(' ', "-") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_told_whose_lock_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = directory.path().join("checkpoint");
        let first = RunLock::acquire(&checkpoint).unwrap();
        let error = RunLock::acquire(&checkpoint).unwrap_err().to_string();
        assert!(error.contains(&format!("process {} on ", std::process::id())), "{error}");
        drop(first);
        let second = RunLock::acquire(&checkpoint).unwrap();
        drop(second);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no lock is left behind");
        // What a killed run leaves is locked by nobody.
        fs::write(directory.path().join("checkpoint.lock"), "1 elsewhere\n").unwrap();
        assert!(RunLock::acquire(&checkpoint).is_ok());
    }
}
