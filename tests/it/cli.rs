//! Runs the real binary against a fake server that records requests and answers by simple rules.

mod check;
mod checkpoint;
mod config_file;
mod dialects;
mod directories;
mod fake;
mod file_oracle;
mod follow;
mod formats;
mod ingest;
mod query;
mod reconnect;
mod reindex;
mod rejects;
mod secured;
#[cfg(feature = "verify")]
mod verify;
mod versions;

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tokio::task::spawn_blocking;

/// Builds a command that runs the binary in `directory` with only the server's address in its environment.
fn command<S: AsRef<OsStr>>(directory: &Path, server: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"));
    command.env_clear().env("SPLADE_SERVER", server).current_dir(directory).args(arguments);
    command
}

/// Exit code and output of a run of the binary.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the binary until it exits.
pub async fn run(directory: &Path, server: &str, arguments: &[&str]) -> Run {
    run_with_input(directory, server, arguments, "").await
}

async fn run_with_input(directory: &Path, server: &str, arguments: &[&str], input: &str) -> Run {
    let mut command = command(directory, server, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let output = spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    output.await.unwrap().into()
}
