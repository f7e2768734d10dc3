//! What a session does while no stream is open.

use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::{Session, wait_until_save_due};
use crate::cli::ingest::signals::ShutdownSignals;
use crate::cli::retry::{Backoff, format_retry_notice};

impl Session<'_> {
    /// Waits after a stream failed, and prepares the next one. Returns whether there is a need for one.
    ///
    /// # Errors
    /// If the error is permanent, there was no progress for too long, or a signal came.
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
        // Without documents there is no need for a server, so it may be away for as long as there are none.
        let has_more = self.wait_for_input(signals).await?;
        Ok(has_more || !self.input.is_followed() && !self.is_done())
    }

    /// Waits for input while no stream is open. Returns whether there is more to send; a signal ends an input that has no end.
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
