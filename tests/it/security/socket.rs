//! The mode of the Unix socket.

use std::os::unix::fs::PermissionsExt;

use splade_sidecar::app::Server;
use tempfile::TempDir;

use crate::support::sidecar::parse_config;

#[tokio::test]
async fn the_socket_has_the_configured_mode() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let socket = path.to_str().unwrap();
    for (flags, expected) in [
        (vec!["--unix-socket", socket], 0o600),
        (vec!["--unix-socket", socket, "--unix-socket-mode", "0660"], 0o660),
        (vec!["--unix-socket", socket, "--unix-socket-mode", "666"], 0o666),
    ] {
        let server = Server::bind(parse_config(&directory.path().join("store"), &flags)).await.unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, expected);
        // The temporary directory of the socket is removed.
        let names: Vec<_> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["socket"]);
        drop(server);
    }
}
