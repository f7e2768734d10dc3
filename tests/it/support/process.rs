//! The real binary as a process of its own: for signals, exit codes, memory, and metrics that no other test shares.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::endpoint::Endpoint;
use super::models::folder;
use super::sidecar::MODEL;

/// A running `serve`. Killed when it is dropped.
pub struct Process {
    endpoint: Endpoint,
    child: Child,
}

impl Process {
    /// Starts `serve` on a small random model, with these flags beside, and waits until it serves.
    pub async fn start(folder: &Path, flags: &[&str]) -> Self {
        let mut command = serve(folder, flags);
        let mut child = spawn_blocking(move || command.spawn()).await.unwrap().unwrap();
        let logs = child.stderr.take().unwrap();
        let (found, endpoint) = oneshot::channel();
        thread::spawn(move || follow(logs, found));
        let process = Self { endpoint: endpoint.await.expect("the process ended before it listened"), child };
        process.wait_serving().await;
        process
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it, as the kernel does when memory is short.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait().await;
    }

    /// Waits for its end.
    pub async fn wait(mut self) -> ExitStatus {
        spawn_blocking(move || self.child.wait().unwrap()).await.unwrap()
    }

    /// Memory of the process now, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Deref for Process {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `serve` in a folder, on free ports, knowing no environment.
pub fn serve(in_folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"));
    command.env_clear().current_dir(in_folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // As a variable, so that a test can give the flag.
    command.env("SPLADE_LOG_FORMAT", "json");
    command.arg("serve").arg("--model").arg(folder(MODEL));
    command.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
    command.args(flags);
    command
}

/// Reads the log to its end, so that the process never waits for a reader, and tells where it listens.
fn follow(logs: ChildStderr, found: oneshot::Sender<Endpoint>) {
    let mut found = Some(found);
    for line in BufReader::new(logs).lines().map_while(Result::ok) {
        match listening(&line) {
            Some(endpoint) => drop(found.take().map(|found| found.send(endpoint))),
            None if line.contains("\"level\":\"ERROR\"") || !line.starts_with('{') => eprintln!("{line}"),
            None => {}
        }
    }
}

fn listening(line: &str) -> Option<Endpoint> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").filter(|fields| fields["message"] == "listening")?;
    let metrics = fields["metrics"].as_str()?.strip_prefix("Some(")?.strip_suffix(')')?;
    Some(Endpoint { address: fields["grpc"].as_str()?.parse().ok()?, metrics: metrics.parse().ok()? })
}
