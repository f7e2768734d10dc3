//! One stream: messages out, results in.

use std::mem::take;
use std::pin::pin;

use anyhow::anyhow;
use tokio::time::sleep_until;
use tonic::{Status, Streaming};

use super::{Session, due};
use crate::cli::client::Connection;
use crate::cli::ingest::reader::Batch;
use crate::cli::ingest::signals::Signals;
use crate::cli::ingest::stream::outcome::{FailedOperations, StreamEnd, StreamError};
use crate::cli::retry::{is_retryable, item_status};
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{IngestOptions, IngestRequest, IngestResponse};

/// What happened next.
enum Event {
    Interrupted,
    Checkpoint,
    Quiet,
    Answer(Option<Box<IngestResponse>>),
    Place,
    Input(Option<anyhow::Result<Batch>>),
}

impl Session<'_> {
    /// Has one stream, to its end.
    pub(super) async fn stream(
        &mut self,
        index: IndexServiceClient<Connection>,
        options: IngestOptions,
        signals: &mut Signals,
    ) -> Result<StreamEnd, StreamError> {
        let outcome = self.converse(index, options, signals).await;
        self.outbound.close();
        let (failed, is_draining) = (self.failed.take(), take(&mut self.is_draining));
        match (outcome, failed) {
            (Err(StreamError::Broken(status)), _) if !is_retryable(&status) => Err(StreamError::Broken(status)),
            (Ok(()) | Err(StreamError::Broken(_)), Some(FailedOperations { error, delay })) => {
                Err(StreamError::Failed(item_status(&error, delay)))
            }
            (Ok(()) | Err(StreamError::Broken(_)), None) if is_draining && self.tracker.pending() > 0 => {
                Ok(StreamEnd::Drained)
            }
            (outcome, _) => outcome.map(|()| StreamEnd::Complete),
        }
    }

    async fn converse(
        &mut self,
        mut index: IndexServiceClient<Connection>,
        options: IngestOptions,
        signals: &mut Signals,
    ) -> Result<(), StreamError> {
        // A server may want to see the options before it answers at all.
        let messages = self.outbound.open(IngestRequest { options: Some(options), ..IngestRequest::default() }).await?;
        self.input.note_activity();

        let mut call = pin!(index.ingest(messages));
        let mut answers = loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(self.interrupted()?),
                () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save().await?,
                answers = &mut call => break answers.map_err(StreamError::Broken)?.into_inner(),
            }
        };
        loop {
            if self.outbound.wants_message() {
                self.outbound.prepare(self.tracker.next_message());
            }
            if self.input.has_ended() && !self.outbound.has_message() {
                self.outbound.end();
            }
            match self.next(&mut answers, signals).await? {
                // What was read of an input that has no end is finished; a second signal doesn't wait for that.
                Event::Interrupted if self.input.stop_following() => {}
                Event::Interrupted => return Err(anyhow!("interrupted").into()),
                Event::Checkpoint => self.save().await?,
                Event::Quiet => self.outbound.end(),
                Event::Answer(Some(answer)) => self.take_answer(*answer).await?,
                Event::Answer(None) if self.failed.is_some() || self.is_draining => return Ok(()),
                Event::Answer(None) => return self.end().map_err(StreamError::Broken),
                Event::Place => self.outbound.send(),
                Event::Input(batch) => self.take_input(batch).await?,
            }
        }
    }

    /// Results come first: they make room.
    async fn next(
        &mut self,
        answers: &mut Streaming<IngestResponse>,
        signals: &mut Signals,
    ) -> Result<Event, StreamError> {
        let wants_input = !self.outbound.has_message() && !self.input.has_ended() && self.tracker.has_room();
        let may_be_quiet =
            self.input.is_followed() && wants_input && self.tracker.pending() == 0 && self.outbound.is_open();
        let quiet_at = self.input.quiet_at();
        Ok(tokio::select! {
            biased;
            () = signals.next() => Event::Interrupted,
            () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => Event::Checkpoint,
            answer = answers.message() => Event::Answer(answer.map_err(StreamError::Broken)?.map(Box::new)),
            () = self.outbound.wait_for_place(), if self.outbound.has_message() => Event::Place,
            batch = self.input.next(), if wants_input && self.outbound.is_open() => Event::Input(batch),
            () = sleep_until(quiet_at), if may_be_quiet => Event::Quiet,
        })
    }

    /// The server ended the stream: right if it was told that there is no more, and is done with everything.
    fn end(&self) -> Result<(), Status> {
        let pending = self.tracker.pending();
        if self.outbound.is_open() || pending > 0 {
            return Err(Status::unavailable(format!(
                "the server ended the stream with {pending} documents unanswered"
            )));
        }
        Ok(())
    }
}
