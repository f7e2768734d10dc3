//! The life of the process: what was typed, the runtime, the command, the exit status.

use std::process::ExitCode;

use clap::Parser;
use splade_sidecar::cli::{Cli, failed};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(cli.run());
    // What still blocks, such as a read of standard input, must not hold the process.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| failed(&error))
}
