//! Unix socket and its file, whose mode controls access.
//!
//! See docs/adr/0052-unix-socket.md.

use std::fs::{Permissions, rename, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::net::UnixListener;

/// File of a bound Unix socket. Removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "removing the socket file failed");
        }
    }
}

/// Binds a Unix socket. Replaces a stale socket file, which has no listening process.
///
/// # Errors
/// If the path is another kind of file, another process listens on it, or the socket can't be created.
pub fn bind(path: &Path, mode: u32) -> anyhow::Result<(UnixListener, SocketFile)> {
    let describe_failure = || format!("--unix-socket: can't listen on {}; choose another path", path.display());
    if path.exists() {
        use std::os::unix::fs::FileTypeExt;
        let is_socket = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
        anyhow::ensure!(is_socket, "--unix-socket: {} exists and is not a socket; choose another path", path.display());
        // A socket file outlives a crashed process, so only a connection attempt shows whether a process is listening.
        let is_in_use = std::os::unix::net::UnixStream::connect(path).is_ok();
        anyhow::ensure!(!is_in_use, "{}: another process is listening on it", describe_failure());
    }
    let listener = bind_with_mode(path, mode).with_context(describe_failure)?;
    Ok((listener, SocketFile(path.to_owned())))
}

/// Binds the socket in a temporary directory with mode 0700, sets its mode, and moves it to its path. So the socket is never
/// accessible with a wider mode. The alternative, a umask, would apply to the whole process.
fn bind_with_mode(path: &Path, mode: u32) -> std::io::Result<UnixListener> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let private = Permissions::from_mode(0o700);
    let temp_dir = tempfile::Builder::new().prefix(".").permissions(private).tempdir_in(parent)?;
    let temp_path = temp_dir.path().join("s");
    let listener = UnixListener::bind(&temp_path)?;
    set_permissions(&temp_path, Permissions::from_mode(mode))?;
    rename(&temp_path, path)?;
    Ok(listener)
}
