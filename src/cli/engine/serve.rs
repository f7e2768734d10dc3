//! `serve`: runs the server until a signal stops it.

use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Server, ShutdownOutcome, init_telemetry};
use crate::config::Config;
pub use crate::config::ServeArgs;

/// The exit status of a server that could not finish what it had read.
const EXIT_NOT_DRAINED: u8 = 1;

/// Serves until SIGTERM or SIGINT, then drains. Status 0: drained; 1: the drain deadline passed; 2: it never served.
pub async fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::try_from(args)?;
    let traces = init_telemetry(&config)?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be waited for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be waited for")?;
    let shutdown_signal = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let result = async { Server::bind(config).await?.run(shutdown_signal).await }.await;
    traces.shut_down().await;
    match result? {
        ShutdownOutcome::Drained => Ok(ExitCode::SUCCESS),
        ShutdownOutcome::DeadlinePassed => Ok(ExitCode::from(EXIT_NOT_DRAINED)),
    }
}
