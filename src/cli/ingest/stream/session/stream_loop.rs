//! The event loop of one stream.

use std::mem::take;
use std::pin::pin;

use anyhow::anyhow;
use tokio::time::sleep_until;
use tonic::{Status, Streaming};

use super::{Session, wait_until_save_due};
use crate::cli::client::ClientConnection;
use crate::cli::ingest::reader::InputEvent;
use crate::cli::ingest::signals::ShutdownSignals;
use crate::cli::ingest::stream::stream_outcome::{FailedOperations, StreamEnd, StreamError};
use crate::cli::retry::{is_retryable, status_from_item_error};
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{IngestOptions, IngestRequest, IngestResponse};

/// Event of the loop of a stream.
enum StreamEvent {
    Interrupted,
    CheckpointDue,
    IdleTimeout,
    Response(Option<Box<IngestResponse>>),
    SendCapacity,
    Input(Option<anyhow::Result<InputEvent>>),
}

impl Session<'_> {
    /// Runs one stream to its end.
    ///
    /// # Errors
    /// If the stream broke, an operation FAILED, or the run can't continue.
    pub(super) async fn run_stream(
        &mut self,
        index: IndexServiceClient<ClientConnection>,
        options: IngestOptions,
        signals: &mut ShutdownSignals,
    ) -> Result<StreamEnd, StreamError> {
        let outcome = self.run_stream_loop(index, options, signals).await;
        self.outbound.abort();
        let (failed, is_draining) = (self.failed_operations.take(), take(&mut self.is_draining));
        match (outcome, failed) {
            (Err(StreamError::Broken(status)), _) if !is_retryable(&status) => Err(StreamError::Broken(status)),
            (Ok(()) | Err(StreamError::Broken(_)), Some(FailedOperations { error, delay })) => {
                Err(StreamError::Failed(status_from_item_error(&error, delay)))
            }
            (Ok(()) | Err(StreamError::Broken(_)), None) if is_draining && self.tracker.pending_count() > 0 => {
                Ok(StreamEnd::Drained)
            }
            (outcome, _) => outcome.map(|()| StreamEnd::Complete),
        }
    }

    async fn run_stream_loop(
        &mut self,
        mut index: IndexServiceClient<ClientConnection>,
        options: IngestOptions,
        signals: &mut ShutdownSignals,
    ) -> Result<(), StreamError> {
        // The options are queued before the call starts, because the server may respond only after it has read them.
        let messages = self.outbound.open(IngestRequest { options: Some(options), ..IngestRequest::default() }).await?;
        self.input.note_activity();

        let mut call = pin!(index.ingest(messages));
        let mut responses = loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(self.handle_interrupt()?),
                () = wait_until_save_due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save_checkpoint().await?,
                answers = &mut call => break answers.map_err(StreamError::Broken)?.into_inner(),
            }
        };
        loop {
            if self.outbound.needs_message() {
                self.outbound.enqueue(self.tracker.next_message());
            }
            if self.input.has_ended() && !self.outbound.has_queued_message() {
                self.outbound.finish();
            }
            match self.next_event(&mut responses, signals).await? {
                // The first signal ends a followed input and completes the lines that were read; a second one interrupts.
                StreamEvent::Interrupted if self.input.stop_following() => {}
                StreamEvent::Interrupted => return Err(anyhow!("interrupted").into()),
                StreamEvent::CheckpointDue => self.save_checkpoint().await?,
                StreamEvent::IdleTimeout => self.outbound.finish(),
                StreamEvent::Response(Some(answer)) => self.handle_response(*answer).await?,
                StreamEvent::Response(None) if self.failed_operations.is_some() || self.is_draining => return Ok(()),
                StreamEvent::Response(None) => return self.check_stream_end().map_err(StreamError::Broken),
                StreamEvent::SendCapacity => self.outbound.send(),
                StreamEvent::Input(batch) => self.handle_input(batch).await?,
            }
        }
    }

    /// Waits for the next event. Responses take precedence over input, because they free capacity.
    async fn next_event(
        &mut self,
        responses: &mut Streaming<IngestResponse>,
        signals: &mut ShutdownSignals,
    ) -> Result<StreamEvent, StreamError> {
        let wants_input = !self.outbound.has_queued_message() && !self.input.has_ended() && self.tracker.has_capacity();
        let can_become_idle =
            self.input.is_followed() && wants_input && self.tracker.pending_count() == 0 && self.outbound.is_open();
        let idle_deadline = self.input.idle_deadline();
        Ok(tokio::select! {
            biased;
            () = signals.next() => StreamEvent::Interrupted,
            () = wait_until_save_due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => StreamEvent::CheckpointDue,
            answer = responses.message() => StreamEvent::Response(answer.map_err(StreamError::Broken)?.map(Box::new)),
            () = self.outbound.wait_for_capacity(), if self.outbound.has_queued_message() => StreamEvent::SendCapacity,
            batch = self.input.next_event(), if wants_input && self.outbound.is_open() => StreamEvent::Input(batch),
            () = sleep_until(idle_deadline), if can_become_idle => StreamEvent::IdleTimeout,
        })
    }

    /// Checks that the server ended the stream only after the client did, with a result for each document.
    fn check_stream_end(&self) -> Result<(), Status> {
        let pending = self.tracker.pending_count();
        if self.outbound.is_open() || pending > 0 {
            return Err(Status::unavailable(format!(
                "the server ended the stream with {pending} documents without a result"
            )));
        }
        Ok(())
    }
}
