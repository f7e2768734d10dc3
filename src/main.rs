//! The life of the process: what was typed, the runtime, the command, the exit status.

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
    // What still blocks, such as a read of standard input, must not hold the process.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| report_failure(&error))
}

/// Has freed memory kept for the next batch. Every batch needs the same few megabytes; the C library would give them back
/// to the kernel and ask for them again, page by page, several times a layer, which costs a twentieth of all time. The
/// peak is the same.
///
/// See docs/adr/0046-keep-freed-memory.md.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn keep_freed_memory() {
    const MIB: libc::c_int = 1 << 20;
    // SAFETY: only sets two numbers of the allocator, before there are other threads.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 * MIB);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 * MIB);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}
