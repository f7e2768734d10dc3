//! `serve`: runs the server until a signal stops it.

use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Server, ShutdownOutcome, init_telemetry};
use crate::config::Config;
pub use crate::config::ServeArgs;

/// Exit status if the drain deadline passed before all accepted documents were completed.
const EXIT_NOT_DRAINED: u8 = 1;

/// Serves until SIGTERM or SIGINT, then drains. Returns exit status 0 if it drained and 1 if the drain deadline passed.
///
/// # Errors
/// If the configuration is invalid or the server can't start (exit status 2).
pub async fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::try_from(args)?;
    let traces = init_telemetry(&config)?;
    let mut terminate = signal(SignalKind::terminate()).context("can't install the handler of SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't install the handler of SIGINT")?;
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
