//! Disks of a size, and folders that nobody can write to. Both need the right to mount; without it a test is
//! skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::skips::skip;

/// Undone when it is dropped.
#[derive(Debug)]
pub struct Mount {
    at: PathBuf,
}

impl Mount {
    /// A disk of so many MiB on a folder.
    pub fn disk(at: &Path, mib: u32) -> Option<Self> {
        Self::run(at, &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
    }

    /// A folder that is as it was, and can't be written to, not even by root.
    pub fn read_only(at: &Path) -> Option<Self> {
        let mount = Self::run(at, &["--bind", at.to_str().unwrap()])?;
        let remounted = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(at).status().unwrap();
        assert!(remounted.success());
        Some(mount)
    }

    fn run(at: &Path, arguments: &[&str]) -> Option<Self> {
        let mounted = Command::new("mount").args(arguments).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { at: at.to_owned() });
        }
        skip("mount");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that was killed may still be about to let go of it.
        let undone = Command::new("umount").arg("--lazy").arg(&self.at).status();
        if !undone.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.at.display());
        }
    }
}
