//! The server binary as a child process, for tests of signals, exit codes and memory, and for metrics of one server
//! only.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::models::model_dir;
use super::sidecar::MODEL;
use super::store_flags::{has_store_flag, own_store_flags};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// A running `serve` process. It is killed when it is dropped.
pub struct Process {
    endpoint: Endpoint,
    child: Child,
    log: Log,
}

/// Warnings and errors of the log of a process, and all lines that are not JSON log lines.
type Log = Arc<watch::Sender<Vec<String>>>;

/// A process that exited before it was ready.
#[derive(Debug)]
pub struct StartFailure {
    pub status: ExitStatus,
    pub log: String,
}

impl Process {
    /// Starts `serve` on a small random model with additional flags, and waits until it is ready.
    pub async fn start(dir: &Path, flags: &[&str]) -> Self {
        Self::try_start(dir, flags).await.unwrap_or_else(|ended| panic!("{}: {}", ended.status, ended.log))
    }

    /// Like [`Self::start`], but returns the failure if the process exits before it is ready.
    pub async fn try_start(dir: &Path, flags: &[&str]) -> Result<Self, StartFailure> {
        Self::try_start_command(serve_command(dir, flags)).await
    }

    /// Like [`Self::start`], with additional environment variables.
    pub async fn start_with_env(dir: &Path, flags: &[&str], variables: &[(&str, &Path)]) -> Self {
        let mut command = serve_command(dir, flags);
        command.envs(variables.iter().copied());
        let started = Self::try_start_command(command).await;
        started.unwrap_or_else(|ended| panic!("{}: {}", ended.status, ended.log))
    }

    async fn try_start_command(mut command: Command) -> Result<Self, StartFailure> {
        let mut child = spawn_blocking(move || command.spawn()).await.unwrap().unwrap();
        let (stderr, log) = (child.stderr.take().unwrap(), Log::default());
        let (endpoint_sender, endpoint) = oneshot::channel();
        let log_sender = Arc::clone(&log);
        let follower = thread::spawn(move || follow_log(stderr, endpoint_sender, &log_sender));
        if let Ok(endpoint) = endpoint.await
            // The process listens before it has opened its store, and may still exit.
            && tokio::spawn(async move { endpoint.wait_serving().await }).await.is_ok()
        {
            return Ok(Self { endpoint, child, log });
        }
        spawn_blocking(move || {
            follower.join().unwrap();
            let log = log.borrow().join("\n");
            Err(StartFailure { status: child.wait().unwrap(), log })
        })
        .await
        .unwrap()
    }

    /// Starts a process and kills it after a delay, regardless of its state.
    pub async fn start_and_kill(dir: &Path, flags: &[&str], after: Duration) {
        let mut command = serve_command(dir, flags);
        command.stderr(Stdio::null());
        let mut child = spawn_blocking(move || command.spawn()).await.unwrap().unwrap();
        // The test kills at a random time, so it does not wait for any event.
        tokio::time::sleep(after).await;
        child.kill().unwrap();
        spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    }

    /// Waits for a warning or an error that contains `text`, and returns its line.
    pub async fn wait_for_log(&self, text: &str) -> String {
        let mut log = self.log.subscribe();
        let line = |log: &Vec<String>| log.iter().find(|line| line.contains(text)).cloned();
        let found = timeout(TEST_TIMEOUT, log.wait_for(|log| line(log).is_some())).await.map(|log| line(&log.unwrap()));
        found.ok().flatten().unwrap_or_else(|| panic!("{text:?} was not logged, but {:?}", self.log.borrow()))
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends SIGKILL, like the OOM killer.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait().await;
    }

    /// Waits until the process exits.
    pub async fn wait(mut self) -> ExitStatus {
        spawn_blocking(move || self.child.wait().unwrap()).await.unwrap()
    }

    /// Returns the resident memory of the process in KiB.
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
        // The process may have exited already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Returns the `serve` command in a directory, with free ports and an empty environment.
pub fn serve_command(dir: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"));
    command.env_clear().current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Set as a variable, so that a test can pass the flag.
    command.env("SPLADE_LOG_FORMAT", "json");
    command.arg("serve").arg("--model").arg(model_dir(MODEL));
    if !flags.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    if !has_store_flag(flags) {
        command.args(own_store_flags(&dir.join("splade-store")));
    }
    command.args(flags);
    command
}

/// Reads the log until it ends, so that the process never blocks on a full pipe, and sends the addresses it listens on.
fn follow_log(stderr: ChildStderr, endpoint_sender: oneshot::Sender<Endpoint>, log: &Log) {
    let mut endpoint_sender = Some(endpoint_sender);
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let has_level = |level: &str| line.contains(&format!("\"level\":\"{level}\""));
        if let Some(endpoint) = parse_listening(&line) {
            // The receiver may be gone.
            let _found = endpoint_sender.take().map(|found| found.send(endpoint));
        } else if has_level("ERROR") || !line.starts_with('{') {
            eprintln!("{line}");
            log.send_modify(|log| log.push(line));
        } else if has_level("WARN") {
            log.send_modify(|log| log.push(line));
        }
    }
}

fn parse_listening(line: &str) -> Option<Endpoint> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").filter(|fields| fields["message"] == "listening")?;
    let optional = |name: &str| fields[name].as_str()?.strip_prefix("Some(")?.strip_suffix(')')?.parse().ok();
    Some(Endpoint {
        address: fields["grpc"].as_str()?.parse().ok()?,
        metrics: optional("metrics")?,
        http: optional("http"),
    })
}
