//! Delays or fails the disk syncs of one process, with a preloaded library (LD_PRELOAD) that is compiled here. The test
//! is skipped without a C compiler and on other systems than Linux.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::process::Process;
use super::skips::skip;

const SOURCE: &str = include_str!("sync_faults.c");

/// Faults of the disk syncs of the processes that are started with them.
#[derive(Debug)]
pub struct SyncFaults {
    dir: TempDir,
}

impl SyncFaults {
    /// Compiles the library, or returns `None` after the test was recorded as skipped.
    pub fn new() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let faults = Self { dir };
        fs::write(faults.path("sync_faults.c"), SOURCE).unwrap();
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(faults.library()).arg(faults.path("sync_faults.c"));
        if !cfg!(target_os = "linux") || !compile.arg("-ldl").status().is_ok_and(|status| status.success()) {
            skip("c-compiler");
            return None;
        }
        assert!(Command::new("mkfifo").arg(faults.held_fifo()).status().unwrap().success());
        Some(faults)
    }

    /// Starts `serve` with these faults.
    pub async fn start(&self, dir: &Path, flags: &[&str]) -> Process {
        let (library, control, held) = (self.library(), self.control(), self.held_fifo());
        let variables = [("LD_PRELOAD", &*library), ("SYNC_FAULTS", &*control), ("SYNC_FAULTS_HELD", &*held)];
        Process::start_with_env(dir, flags, &variables).await
    }

    /// Blocks every sync until [`Self::clear`]. The returned future resolves when the first sync is blocked.
    pub fn hold(&self) -> impl Future<Output = ()> + use<> {
        // Opened for reading and writing, so that opening does not wait for a writer and the pipe stays open after the
        // first one.
        let held = File::options().read(true).write(true).open(self.held_fifo()).unwrap();
        self.set("hold");
        async move {
            let mut line = String::new();
            spawn_blocking(move || BufReader::new(held).read_line(&mut line).unwrap()).await.unwrap();
        }
    }

    /// Fails every sync with EIO until [`Self::clear`].
    pub fn fail(&self) {
        self.set("fail");
    }

    /// Clears the fault.
    pub fn clear(&self) {
        fs::remove_file(self.control()).unwrap();
    }

    fn set(&self, fault: &str) {
        let new = self.path("new");
        fs::write(&new, fault).unwrap();
        fs::rename(new, self.control()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("sync_faults.so")
    }

    fn control(&self) -> PathBuf {
        self.path("fault")
    }

    fn held_fifo(&self) -> PathBuf {
        self.path("held")
    }
}
