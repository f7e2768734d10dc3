//! The session while no stream is open: waits for a retry or for more input.

use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{Session, wait_until_save_due};
use crate::cli::ingest::signals::ShutdownSignals;
use crate::cli::retry::{Backoff, format_retry_notice};

impl Session<'_> {
    /// Waits after a failed stream and prepares the next one. Returns whether another stream is needed.
    ///
    /// # Errors
    /// If the error is permanent, there was no progress for too long, or a signal interrupts the run.
    pub(super) async fn wait_to_reconnect(
        &mut self,
        failure: &str,
        status: &Status,
        backoff: &mut Backoff,
        signals: &mut ShutdownSignals,
    ) -> anyhow::Result<bool> {
        let Some(delay) = backoff.next_delay(status) else { return Err(backoff.final_error(status.clone())) };
        if self.is_done() {
            return Ok(false);
        }
        self.progress.warn(&format_retry_notice(failure, status, delay));
        let retry_at = Instant::now() + delay;
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return self.handle_interrupt().map(|()| false),
                () = wait_until_save_due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save_checkpoint().await?,
                () = sleep_until(retry_at) => break,
            }
        }
        self.tracker.restart_stream();
        self.is_reconnect = true;
        if !self.is_waiting_for_input() {
            return Ok(true);
        }
        // Without documents to send, no server is needed, so it may be unavailable for any duration.
        let has_more = self.wait_for_input(signals).await?;
        Ok(has_more || !self.input.is_followed() && !self.is_done())
    }

    /// Waits for input while no stream is open. Returns whether there are documents to send; a signal ends a followed input.
    ///
    /// # Errors
    /// If the input or the checkpoint fails, or a signal interrupts the run.
    pub(super) async fn wait_for_input(&mut self, signals: &mut ShutdownSignals) -> anyhow::Result<bool> {
        while self.is_waiting_for_input() {
            tokio::select! {
                biased;
                () = signals.next() => self.handle_interrupt()?,
                () = wait_until_save_due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save_checkpoint().await?,
                batch = self.input.next_event() => self.handle_input(batch).await?,
            }
        }
        Ok(self.tracker.pending_count() > 0)
    }
}
