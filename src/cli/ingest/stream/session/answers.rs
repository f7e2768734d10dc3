//! What comes in: parts of the input, and the server's answers.

use std::mem::take;
use std::time::Duration;

use super::Session;
use crate::cli::ingest::line::Line;
use crate::cli::ingest::reader::Batch;
use crate::cli::ingest::stream::outcome::FailedOperations;
use crate::proto::{IngestResponse, ItemError};

impl Session<'_> {
    /// Takes a part of the input.
    pub(super) async fn take_input(&mut self, batch: Option<anyhow::Result<Batch>>) -> anyhow::Result<()> {
        match self.input.take(batch)? {
            Some(Batch::Lines(lines)) => self.take_lines(lines).await?,
            Some(Batch::FileEnd(end)) => self.tracker.file_ended(end),
            Some(Batch::Restart(lines)) => self.tracker.restart_files(lines),
            Some(Batch::Notice(notice)) => self.progress.warn(&format!("note: {notice}")),
            Some(Batch::End(end)) => self.tracker.ended(end),
            None => {}
        }
        Ok(())
    }

    /// Takes lines; those that are no documents are rejected here and now.
    async fn take_lines(&mut self, lines: Vec<Line>) -> anyhow::Result<()> {
        lines.into_iter().for_each(|line| self.tracker.add(line));
        self.settle().await
    }

    /// Takes an answer of the server.
    pub(super) async fn take_answer(&mut self, answer: IngestResponse) -> anyhow::Result<()> {
        // A server that is starting takes calls, and breaks them.
        if take(&mut self.is_reconnect) {
            self.tracker.reconnected();
        }
        if let Some(opened) = answer.opened {
            self.incarnation.get_or_insert_with(|| opened.collection.unwrap_or_default().incarnation);
        }
        for result in answer.results {
            if let Some(error) = self.tracker.answered(result)? {
                self.fail(error);
            }
        }
        self.tracker.durable_through(answer.durable_through);
        if answer.draining.is_some() {
            self.is_draining = true;
            self.outbound.close();
        }
        self.settle().await
    }

    /// An operation FAILED: those behind it wait for the next stream too.
    fn fail(&mut self, error: ItemError) {
        let delay = error.retry_delay.and_then(|delay| Duration::try_from(delay).ok()).unwrap_or_default();
        let failed = self.failed.get_or_insert(FailedOperations { error, delay });
        failed.delay = failed.delay.max(delay);
        self.outbound.close();
    }
}
