//! Disks of a size, and folders that nobody can write to. Both need the right to mount; without it a test is
//! skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::skips::skip;

/// Undone when it is dropped.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// A disk of so many MiB on a folder.
    pub fn mount_tmpfs(path: &Path, mib: u32) -> Option<Self> {
        Self::run(path, &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
    }

    /// A folder that is as it was, and can't be written to, not even by root.
    pub fn mount_read_only(path: &Path) -> Option<Self> {
        let mount = Self::run(path, &["--bind", path.to_str().unwrap()])?;
        let remounted = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(path).status().unwrap();
        assert!(remounted.success());
        Some(mount)
    }

    fn run(path: &Path, arguments: &[&str]) -> Option<Self> {
        let mounted = Command::new("mount").args(arguments).arg(path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { path: path.to_owned() });
        }
        skip("mount");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that was killed may still be about to let go of it.
        let undone = Command::new("umount").arg("--lazy").arg(&self.path).status();
        if !undone.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.path.display());
        }
    }
}
