//! Reload of files when their contents change: certificates, keys, tokens.
//!
//! Files are polled at an interval. Contents are compared instead of times or inodes, because Kubernetes replaces a secret by
//! switching a symbolic link, and editors replace a file by a rename. If new contents are invalid, the error is logged and
//! the previous contents stay in use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Maximum size of a file in bytes. A complete CA bundle has a quarter of that.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A file with the flag that configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagFile {
    pub flag: &'static str,
    pub path: PathBuf,
}

impl fmt::Display for FlagFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.flag, self.path.display())
    }
}

impl FlagFile {
    async fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = async {
            let file = File::open(&self.path).await?;
            // One byte beyond the limit detects an oversized file without reading all of it.
            file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).await
        };
        read.await.with_context(|| format!("{self} can't be read"))?;
        anyhow::ensure!(
            bytes.len() as u64 <= MAX_FILE_BYTES,
            "{self} has more than {MAX_FILE_BYTES} bytes; use a smaller file"
        );
        Ok(bytes)
    }
}

/// A file with its contents.
#[derive(PartialEq, Eq)]
pub struct LoadedFile {
    pub file: FlagFile,
    pub bytes: Vec<u8>,
}

/// Parser of a set of files. Its errors must name the invalid file, and must not quote its contents.
pub type ParseFn<T> = fn(&[LoadedFile]) -> anyhow::Result<T>;

/// Parses files, and starts a background task that parses them again when their contents change. The task ends when all
/// receivers are dropped.
///
/// # Errors
/// If a file can't be read or is invalid now.
pub async fn watch_files<T: Send + Sync + 'static>(
    files: Vec<FlagFile>,
    poll_interval: Duration,
    parse: ParseFn<T>,
) -> anyhow::Result<watch::Receiver<Arc<T>>> {
    let (watcher, current) = FileWatcher::open(files, parse).await?;
    tokio::spawn(watcher.run(poll_interval));
    Ok(current)
}

/// Checks the current contents of files, and returns all errors.
pub async fn check_files<T>(files: Vec<FlagFile>, parse: ParseFn<T>) -> Vec<anyhow::Error> {
    let mut loaded = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match file.read().await {
            Ok(bytes) => loaded.push(LoadedFile { file, bytes }),
            Err(error) => errors.push(error),
        }
    }
    // Files that can't be read are reported already.
    if errors.is_empty() {
        errors.extend(parse(&loaded).err());
    }
    errors
}

struct FileWatcher<T> {
    files: Vec<FlagFile>,
    parse: ParseFn<T>,
    /// Contents or error of the last attempt, so that each error is reported once.
    last_read: Result<Vec<LoadedFile>, String>,
    current: watch::Sender<Arc<T>>,
}

impl<T> FileWatcher<T> {
    async fn open(files: Vec<FlagFile>, parse: ParseFn<T>) -> anyhow::Result<(Self, watch::Receiver<Arc<T>>)> {
        let loaded = read_files(&files).await?;
        let (current, receiver) = watch::channel(Arc::new(parse(&loaded)?));
        Ok((Self { files, parse, last_read: Ok(loaded), current }, receiver))
    }

    async fn run(mut self, poll_interval: Duration) {
        let mut ticks = interval(poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.current.closed() => return,
                _ = ticks.tick() => {}
            }
            match self.reload().await {
                Ok(false) => {}
                Ok(true) => tracing::info!(files = self.file_names(), "changed files reloaded"),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "reload failed; the previous contents stay in use");
                }
            }
        }
    }

    fn file_names(&self) -> String {
        self.files.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Reads the files, and applies them if they have changed since the last attempt. Returns whether they were applied.
    async fn reload(&mut self) -> anyhow::Result<bool> {
        let found = read_files(&self.files).await.map_err(|error| format!("{error:#}"));
        if found == self.last_read {
            return Ok(false);
        }
        // Set before parsing, so that an invalid file is reported once instead of at every poll.
        self.last_read = found;
        let loaded = self.last_read.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
        self.current.send_replace(Arc::new((self.parse)(loaded)?));
        Ok(true)
    }
}

async fn read_files(files: &[FlagFile]) -> anyhow::Result<Vec<LoadedFile>> {
    let mut loaded = Vec::new();
    for file in files {
        loaded.push(LoadedFile { file: file.clone(), bytes: file.read().await? });
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    /// Returns the sum of the files' numbers.
    fn sum(files: &[LoadedFile]) -> anyhow::Result<u32> {
        let numbers = files.iter().map(|loaded| {
            let number = String::from_utf8_lossy(&loaded.bytes).trim().parse::<u32>();
            number.with_context(|| format!("{} contains no number", loaded.file))
        });
        numbers.sum()
    }

    fn file(dir: &Path, name: &str) -> FlagFile {
        FlagFile { flag: "--numbers", path: dir.join(name) }
    }

    #[tokio::test]
    async fn an_invalid_file_is_reported_once_and_changes_nothing() {
        let dir = TempDir::new().unwrap();
        let files = vec![file(dir.path(), "a"), file(dir.path(), "b")];
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("a", "1");
        write("b", "2");
        let (mut watcher, current) = FileWatcher::open(files, sum).await.unwrap();
        let now = || **current.borrow();
        assert!(!watcher.reload().await.unwrap());
        assert_eq!(now(), 3);
        write("b", "many");
        let error = watcher.reload().await.unwrap_err().to_string();
        assert_eq!(error, format!("--numbers: {} contains no number", dir.path().join("b").display()));
        assert!(!watcher.reload().await.unwrap(), "the error is reported twice");
        fs::remove_file(dir.path().join("b")).unwrap();
        let error = format!("{:#}", watcher.reload().await.unwrap_err());
        assert!(error.contains("/b can't be read"), "{error}");
        assert!(!watcher.reload().await.unwrap(), "the error is reported twice");
        assert_eq!(now(), 3);
        write("b", "4");
        assert!(watcher.reload().await.unwrap());
        assert_eq!(now(), 5);
    }

    /// Replaces a file like Kubernetes replaces a secret: the file is a link into a directory that is itself a link.
    #[tokio::test(start_paused = true)]
    async fn a_link_that_is_switched_is_followed() {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        for (version, number) in [("v1", "1"), ("v2", "2")] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("number"), number).unwrap();
        }
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, path(name)).unwrap();
        link("v1", "data");
        link("data/number", "number");
        let mut current = watch_files(vec![file(dir.path(), "number")], Duration::from_secs(10), sum).await.unwrap();
        assert_eq!(**current.borrow_and_update(), 1);
        link("v2", "switched");
        fs::rename(path("switched"), path("data")).unwrap();
        current.changed().await.unwrap();
        assert_eq!(**current.borrow(), 2);
    }

    #[tokio::test]
    async fn missing_and_oversized_files_are_refused() {
        let dir = TempDir::new().unwrap();
        let open = async |name: &str| {
            let opened = watch_files(vec![file(dir.path(), name)], Duration::from_secs(10), sum).await;
            format!("{:#}", opened.unwrap_err())
        };
        assert!(open("absent").await.contains("/absent can't be read: No such file"));
        fs::write(dir.path().join("large"), vec![b'1'; (1 << 20) + 1]).unwrap();
        assert!(open("large").await.contains("more than 1048576 bytes"));
    }
}
