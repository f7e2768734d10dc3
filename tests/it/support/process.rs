//! The real binary, serving: a process of its own, with metrics of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::models::folder;
use super::sidecar::MODEL;

/// A running process. It is killed when it is dropped.
pub struct Process {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Process {
    /// Starts on free ports, an embedded store and a small random model; returns when it listens.
    pub fn start() -> Self {
        let folder_of_its_own = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"))
            .env_clear()
            .current_dir(&folder_of_its_own)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-format", "json"])
            .arg("--model")
            .arg(folder(MODEL))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let listening = log.by_ref().find_map(|line| listening(&line)).expect("the process ended before it listened");
        // Read on, for a full pipe would hold the process up.
        thread::spawn(move || log.for_each(drop));
        let (address, metrics) = listening;
        Self { address, metrics, child, _folder: folder_of_its_own }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// The addresses in the line of the log that tells them.
fn listening(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let metrics = fields.get("metrics")?.as_str()?.trim_start_matches("Some(").trim_end_matches(')');
    Some((fields.get("grpc")?.as_str()?.parse().ok()?, metrics.parse().ok()?))
}
