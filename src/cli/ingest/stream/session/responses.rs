//! Handles events of the input and responses of the server.

use std::mem::take;
use std::time::Duration;

use super::Session;
use crate::cli::ingest::ingest_line::IngestLine;
use crate::cli::ingest::reader::InputEvent;
use crate::cli::ingest::stream::stream_outcome::FailedOperations;
use crate::proto::{IngestResponse, ItemError};

impl Session<'_> {
    /// Handles an event of the input.
    pub(super) async fn handle_input(&mut self, event: Option<anyhow::Result<InputEvent>>) -> anyhow::Result<()> {
        match self.input.accept_event(event)? {
            Some(InputEvent::Lines(lines)) => self.add_lines(lines).await?,
            Some(InputEvent::FileEnd(end)) => self.tracker.record_file_end(end),
            Some(InputEvent::Restart(lines)) => self.tracker.record_restart(lines),
            Some(InputEvent::Notice(notice)) => self.progress.warn(&format!("note: {notice}")),
            Some(InputEvent::End(end)) => self.tracker.set_input_end(end),
            None => {}
        }
        Ok(())
    }

    /// Adds lines to the tracker. Invalid lines are rejected as soon as all earlier lines are acknowledged.
    async fn add_lines(&mut self, lines: Vec<IngestLine>) -> anyhow::Result<()> {
        lines.into_iter().for_each(|line| self.tracker.add(line));
        self.process_acked().await
    }

    /// Handles a response of the server.
    pub(super) async fn handle_response(&mut self, response: IngestResponse) -> anyhow::Result<()> {
        // Counted with the first response, because a starting server may accept a call and break it.
        if take(&mut self.is_reconnect) {
            self.tracker.count_reconnect();
        }
        if let Some(opened) = response.opened {
            self.incarnation.get_or_insert_with(|| opened.collection.unwrap_or_default().incarnation);
        }
        for result in response.results {
            if let Some(error) = self.tracker.ack(result)? {
                self.record_failure(error);
            }
        }
        self.tracker.advance_durable_through(response.durable_through);
        if response.draining.is_some() {
            self.is_draining = true;
            self.outbound.abort();
        }
        self.process_acked().await
    }

    /// Records an operation that FAILED, and stops sending: later documents wait for the next stream, to keep their order.
    fn record_failure(&mut self, error: ItemError) {
        let delay = error.retry_delay.and_then(|delay| Duration::try_from(delay).ok()).unwrap_or_default();
        let failed = self.failed_operations.get_or_insert(FailedOperations { error, delay });
        failed.delay = failed.delay.max(delay);
        self.outbound.abort();
    }
}
