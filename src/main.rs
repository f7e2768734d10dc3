//! Entry point: parses the command line, starts the runtime, runs the command and returns its exit status.

use std::process::ExitCode;

use clap::Parser;
use splade_sidecar::cli::{Cli, report_failure};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    keep_freed_memory();
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report_failure(&error.into()),
    };
    let outcome = runtime.block_on(cli.run());
    // A blocked task, such as a read of standard input, must not keep the process alive.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| report_failure(&error))
}

/// Configures glibc's allocator to keep freed memory for the next batch. Every batch allocates the same few megabytes; by
/// default glibc returns them to the kernel and page-faults them in again several times per layer, which takes about 5% of
/// the encoding time. Peak memory does not change.
///
/// See docs/adr/0046-keep-freed-memory.md.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn keep_freed_memory() {
    const MIB: libc::c_int = 1 << 20;
    // SAFETY: sets two allocator parameters, before any other thread exists.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 * MIB);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 * MIB);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}
