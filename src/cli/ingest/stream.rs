//! The conversation with the server: batches out, results in. A stream that ends early is replaced by another one, which is
//! sent what it left.
//!
//! It ends early if it breaks; if an operation FAILED, for that has to be sent again, and before those behind it; and if the
//! server is about to stop. In the last two cases nothing more is sent, and the results are read to the end.

use std::mem::take;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::checkpoint::Checkpoint;
use super::line::Line;
use super::progress::Progress;
use super::read_files::ReadFiles;
use super::reader::Follow;
use super::reader::{Batch, Batches};
use super::rejects::RejectFile;
use super::signals::Signals;
use super::tally::Tally;
use super::tracker::Tracker;
use crate::cli::client::Connection;
use crate::cli::retry::{Backoff, is_retryable, item_status, notice};
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{IngestOptions, IngestRequest, IngestResponse, ItemError};

/// How many messages wait for the connection to take them.
const OUTBOUND: usize = 2;

/// After so long without anything to send, a stream is ended: a server ends one that is silent for long.
const QUIET: Duration = Duration::from_secs(5);

/// One stream, from the first message to the last result; of an input that is followed, one each time that there is more.
/// Further ones replace streams that end early.
pub struct Session<'a> {
    batches: Batches,
    rejects: &'a mut RejectFile,
    progress: &'a Progress,
    checkpoint: Option<&'a mut Checkpoint>,
    tracker: Tracker,
    /// Where messages go; gone when the last one is sent.
    outbound: Option<mpsc::Sender<IngestRequest>>,
    /// A message that waits for a place.
    ready: Option<IngestRequest>,
    input_ended: bool,
    /// How the input is followed that may grow, until a signal ends it.
    follow: Option<Follow>,
    /// When there was something to send.
    last_input: Instant,
    /// Streams that fail are replaced until there has been no progress for this long.
    give_up_after: Duration,
    /// Whether the next stream replaces one that failed.
    is_reconnect: bool,
    /// Which creation of the collection the first stream opened. The others must find the same.
    incarnation: Option<String>,
    /// What FAILED on the open stream.
    failed: Option<FailedOperations>,
    /// Whether the server of the open stream is about to stop.
    is_draining: bool,
}

/// Operations of a stream that FAILED.
struct FailedOperations {
    /// The error of the one that was told first.
    error: ItemError,
    /// The longest delay that was asked for.
    delay: Duration,
}

/// How a stream ended well.
enum StreamEnd {
    /// All that was read is done with.
    Complete,
    /// The server is about to stop: another one gets the rest.
    Drained,
}

/// How a stream failed.
enum StreamError {
    /// It, or its connection, ended too soon.
    Broken(Status),
    /// Operations FAILED.
    Failed(Status),
    /// Something that another stream would not change.
    Fatal(anyhow::Error),
}

impl From<anyhow::Error> for StreamError {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

/// What happened next.
enum Event {
    Interrupted,
    Checkpoint,
    Quiet,
    Answer(Option<Box<IngestResponse>>),
    Place,
    Input(Option<anyhow::Result<Batch>>),
}

impl<'a> Session<'a> {
    /// Goes on from counts, and keeps the checkpoint.
    pub fn new(
        batches: Batches,
        rejects: &'a mut RejectFile,
        progress: &'a Progress,
        checkpoint: Option<&'a mut Checkpoint>,
        tally: Tally,
        give_up_after: Duration,
    ) -> Self {
        let tracker = Tracker::new(tally, ReadFiles::default());
        let last_input = Instant::now();
        Self {
            batches,
            rejects,
            progress,
            checkpoint,
            tracker,
            outbound: None,
            ready: None,
            input_ended: false,
            follow: None,
            last_input,
            give_up_after,
            is_reconnect: false,
            incarnation: None,
            failed: None,
            is_draining: false,
        }
    }

    /// For an input that may grow: a signal ends it, and what was read of it is then done in order.
    pub fn followed(self, follow: Option<Follow>) -> Self {
        Self { follow, ..self }
    }

    /// For an input of files, from where earlier runs were done with them.
    pub fn with_files(mut self, files: ReadFiles) -> Self {
        self.tracker = Tracker::new(self.tracker.tally(), files);
        self
    }

    /// Returns the counts and the files at the end.
    pub fn into_tracker(self) -> Tracker {
        self.tracker
    }

    /// Returns the counts at the end.
    pub fn into_tally(self) -> Tally {
        self.tracker.tally()
    }

    /// Sends every line and takes in every result, over as many streams as that needs.
    pub async fn run(&mut self, index: IndexServiceClient<Connection>, options: IngestOptions) -> anyhow::Result<()> {
        let mut signals = Signals::new().context("can't listen for signals")?;
        let mut backoff = Backoff::new(self.give_up_after);
        let mut was_drained = false;
        loop {
            let acked = self.tracker.acked();
            let outcome = self.stream(index.clone(), self.next_options(&options), &mut signals).await;
            let has_progressed = self.tracker.acked() > acked;
            let (what, status) = match outcome {
                Ok(StreamEnd::Complete) => {
                    was_drained = false;
                    backoff.progressed();
                    self.tracker.restart();
                    if self.input_ended || !self.wait_for_input(&mut signals).await? {
                        return Ok(());
                    }
                    continue;
                }
                Ok(StreamEnd::Drained) if has_progressed || !was_drained => {
                    was_drained = true;
                    if has_progressed {
                        backoff.progressed();
                    }
                    self.tracker.restart();
                    continue;
                }
                // Servers that take nothing before they stop are waited for.
                Ok(StreamEnd::Drained) => {
                    ("no server takes the documents", Status::unavailable("the server is stopping"))
                }
                Err(StreamError::Failed(status)) => ("documents were not stored", status),
                Err(StreamError::Broken(status)) => ("the stream broke", status),
                Err(StreamError::Fatal(error)) => return Err(error),
            };
            was_drained = false;
            // Counted lines are the measure: a server that always fails at the same document, after it answered later ones,
            // makes no progress. Where nothing is left to send, none can be made.
            if has_progressed || self.is_waiting_for_input() {
                backoff.progressed();
            }
            if !self.wait_to_reconnect(what, &status, &mut backoff, &mut signals).await? {
                return Ok(());
            }
        }
    }

    /// The options of the next stream: it goes on in the numbers, and in the collection that the first one opened.
    fn next_options(&self, options: &IngestOptions) -> IngestOptions {
        let mut options = IngestOptions { first_sequence: self.tracker.first_sequence(), ..options.clone() };
        if let Some(incarnation) = &self.incarnation {
            // One that was deleted meanwhile is an error: created again, it would lack what was confirmed.
            options.expected_incarnation.clone_from(incarnation);
            options.create_collection = false;
            options.collection_options = None;
        }
        options
    }

    /// Waits after a stream failed, and prepares the next one. Returns whether there is a need for one.
    ///
    /// # Errors
    /// If the error is permanent, there was no progress for too long, or a signal came.
    async fn wait_to_reconnect(
        &mut self,
        what: &str,
        status: &Status,
        backoff: &mut Backoff,
        signals: &mut Signals,
    ) -> anyhow::Result<bool> {
        let Some(delay) = backoff.next_delay(status) else { return Err(backoff.error(status.clone())) };
        if self.is_done() {
            return Ok(false);
        }
        self.progress.warn(&notice(what, status, delay));
        let until = Instant::now() + delay;
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return self.interrupted().map(|()| false),
                () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save().await?,
                () = sleep_until(until) => break,
            }
        }
        self.tracker.restart();
        self.is_reconnect = true;
        if !self.is_waiting_for_input() {
            return Ok(true);
        }
        // Without documents there is no need for a server, so it may be away for as long as there are none.
        let has_more = self.wait_for_input(signals).await?;
        Ok(has_more || self.follow.is_none() && !self.is_done())
    }

    /// Whether all that was read is done with, and more may come.
    fn is_waiting_for_input(&self) -> bool {
        !self.input_ended && self.tracker.pending() == 0
    }

    /// Whether every line of the input is done with, so that nothing is lost with a broken stream. An input without
    /// documents needs a stream that ends well: the server may have something against its options.
    fn is_done(&self) -> bool {
        self.input_ended && self.tracker.pending() == 0 && self.tracker.acked() > 0
    }

    /// A signal came while no stream was open. Of an input that has no end, it is the end if nothing waits for a result.
    fn interrupted(&mut self) -> anyhow::Result<()> {
        if self.stop_following() {
            return Ok(());
        }
        Err(anyhow!("interrupted"))
    }

    /// Ends an input that is followed where it ends now: the reader reports what is left. Returns whether this is news: a
    /// second signal doesn't wait for that.
    fn stop_following(&mut self) -> bool {
        let Some(follow) = self.follow.as_ref().filter(|follow| !follow.is_stopped()) else { return false };
        follow.stop();
        true
    }

    /// Has one stream, to its end.
    async fn stream(
        &mut self,
        index: IndexServiceClient<Connection>,
        options: IngestOptions,
        signals: &mut Signals,
    ) -> Result<StreamEnd, StreamError> {
        let outcome = self.converse(index, options, signals).await;
        self.half_close();
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
        let (sender, receiver) = mpsc::channel(OUTBOUND);
        // A server may want to see the options before it answers at all.
        let opening = IngestRequest { options: Some(options), ..IngestRequest::default() };
        sender.send(opening).await.context("the stream can't be opened")?;
        self.outbound = Some(sender);
        self.last_input = Instant::now();

        let mut call = pin!(index.ingest(ReceiverStream::new(receiver)));
        let mut answers = loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ok(self.interrupted()?),
                () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save().await?,
                answers = &mut call => break answers.map_err(StreamError::Broken)?.into_inner(),
            }
        };
        loop {
            if self.ready.is_none() && self.outbound.is_some() {
                let operations = self.tracker.next_message();
                self.ready = operations.map(|operations| IngestRequest { operations, ..IngestRequest::default() });
            }
            if self.input_ended && self.ready.is_none() {
                self.outbound = None;
            }
            match self.next(&mut answers, signals).await? {
                // What was read of an input that has no end is finished; a second signal doesn't wait for that.
                Event::Interrupted if self.stop_following() => {}
                Event::Interrupted => return Err(anyhow!("interrupted").into()),
                Event::Checkpoint => self.save().await?,
                Event::Quiet => self.outbound = None,
                Event::Answer(Some(answer)) => self.take_answer(*answer).await?,
                Event::Answer(None) if self.failed.is_some() || self.is_draining => return Ok(()),
                Event::Answer(None) => return self.end().map_err(StreamError::Broken),
                Event::Place => self.send(),
                Event::Input(batch) => self.take_input(batch).await?,
            }
        }
    }

    /// Waits for input while no stream is open. Returns whether there is more to send; a signal ends an input that has no end.
    async fn wait_for_input(&mut self, signals: &mut Signals) -> anyhow::Result<bool> {
        while self.is_waiting_for_input() {
            tokio::select! {
                biased;
                () = signals.next() => self.interrupted()?,
                () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save().await?,
                batch = self.batches.recv() => self.take_input(batch).await?,
            }
        }
        Ok(self.tracker.pending() > 0)
    }

    /// Results come first: they make room.
    async fn next(
        &mut self,
        answers: &mut Streaming<IngestResponse>,
        signals: &mut Signals,
    ) -> Result<Event, StreamError> {
        let wants_input = self.ready.is_none() && !self.input_ended && self.tracker.has_room();
        let may_be_quiet =
            self.follow.is_some() && wants_input && self.tracker.pending() == 0 && self.outbound.is_some();
        Ok(tokio::select! {
            biased;
            () = signals.next() => Event::Interrupted,
            () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => Event::Checkpoint,
            answer = answers.message() => Event::Answer(answer.map_err(StreamError::Broken)?.map(Box::new)),
            () = place(self.outbound.as_ref()), if self.ready.is_some() => Event::Place,
            batch = self.batches.recv(), if wants_input && self.outbound.is_some() => Event::Input(batch),
            () = sleep_until(self.last_input + QUIET), if may_be_quiet => Event::Quiet,
        })
    }

    async fn take_input(&mut self, batch: Option<anyhow::Result<Batch>>) -> anyhow::Result<()> {
        self.last_input = Instant::now();
        match batch {
            Some(batch) => match batch.context("can't read the input")? {
                Batch::Lines(lines) => self.take_lines(lines).await?,
                Batch::FileEnd(end) => self.tracker.file_ended(end),
                Batch::Restart(lines) => self.tracker.restart_files(lines),
                Batch::Notice(notice) => self.progress.warn(&format!("note: {notice}")),
                Batch::End(end) => self.tracker.ended(end),
            },
            None => self.input_ended = true,
        }
        Ok(())
    }

    /// Takes lines; those that are no documents are rejected here and now.
    async fn take_lines(&mut self, lines: Vec<Line>) -> anyhow::Result<()> {
        lines.into_iter().for_each(|line| self.tracker.add(line));
        self.settle().await
    }

    /// There is a place: the message goes.
    fn send(&mut self) {
        let (Some(outbound), Some(message)) = (&self.outbound, self.ready.take()) else { return };
        if outbound.try_send(message).is_err() {
            // The server takes no more. Its answers say why, and the next stream is sent the message.
            self.outbound = None;
        }
    }

    async fn take_answer(&mut self, answer: IngestResponse) -> anyhow::Result<()> {
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
            self.half_close();
        }
        self.settle().await
    }

    /// An operation FAILED: those behind it wait for the next stream too.
    fn fail(&mut self, error: ItemError) {
        let delay = error.retry_delay.and_then(|delay| Duration::try_from(delay).ok()).unwrap_or_default();
        let failed = self.failed.get_or_insert(FailedOperations { error, delay });
        failed.delay = failed.delay.max(delay);
        self.half_close();
    }

    /// Sends nothing more on the open stream. A message that was not sent is made again of the lines.
    fn half_close(&mut self) {
        (self.outbound, self.ready) = (None, None);
    }

    /// Is done with the lines that wait for no other.
    async fn settle(&mut self) -> anyhow::Result<()> {
        while let Some((line, error)) = self.tracker.settle() {
            if let Some(error) = error {
                self.rejects.write(&line, &error).await?;
            }
        }
        self.progress.update(&self.tracker.tally());
        Ok(())
    }

    async fn save(&mut self) -> anyhow::Result<()> {
        if let Some(checkpoint) = &mut self.checkpoint {
            let records = self.tracker.file_records();
            checkpoint.save(self.tracker.tally(), records, self.rejects.sync().await?).await?;
        }
        Ok(())
    }

    /// The server ended the stream: right if it was told that there is no more, and is done with everything.
    fn end(&self) -> Result<(), Status> {
        let pending = self.tracker.pending();
        if self.outbound.is_some() || pending > 0 {
            return Err(Status::unavailable(format!(
                "the server ended the stream with {pending} documents unanswered"
            )));
        }
        Ok(())
    }
}

/// Waits until the checkpoint should be written, if there is one.
async fn due(checkpoint: Option<&mut Checkpoint>) {
    if let Some(checkpoint) = checkpoint {
        checkpoint.due().await;
    }
}

/// Waits until a message can be sent, or will never be.
async fn place(outbound: Option<&mpsc::Sender<IngestRequest>>) {
    if let Some(outbound) = outbound {
        // A permit that is dropped leaves its place free; this task is the only one that fills it.
        drop(outbound.reserve().await);
    }
}
