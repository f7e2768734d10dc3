//! Disks of limited size and read-only directories. Both need permission to mount; without it the test is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::skips::skip;

/// A mount that is unmounted when it is dropped.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts a tmpfs of `mib` MiB on a directory.
    pub fn mount_tmpfs(path: &Path, mib: u32) -> Option<Self> {
        Self::run(path, &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
    }

    /// Remounts a directory read-only, with its content. Writes fail even for root.
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
        // Lazily, because a killed process may still hold files open.
        let undone = Command::new("umount").arg("--lazy").arg(&self.path).status();
        if !undone.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.path.display());
        }
    }
}
