//! The conversation with the server: batches out, results in. A stream that breaks is replaced by another one, which is sent
//! what the broken one left.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::batch::Line;
use super::checkpoint::Checkpoint;
use super::progress::Progress;
use super::reader::{Batch, Batches};
use super::rejects::RejectFile;
use super::signals::Signals;
use super::tracker::{Tally, Tracker};
use crate::cli::client::Connection;
use crate::cli::retry::{Backoff, notice};
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{IngestOptions, IngestRequest, IngestResponse};

/// How many messages wait for the connection to take them.
const OUTBOUND: usize = 2;

/// After so long without anything to send, a stream is ended: a server ends one that is silent for long.
const QUIET: Duration = Duration::from_secs(5);

/// One stream, from the first message to the last result; of an input that is followed, one each time that there is more.
/// Further ones replace streams that break.
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
    /// Whether the input may grow, until a signal ends it.
    is_followed: bool,
    /// When there was something to send.
    last_input: Instant,
    /// Streams that break are replaced until there has been no progress for this long.
    give_up_after: Duration,
    /// Whether the next stream replaces one that broke.
    is_reconnect: bool,
}

/// How a stream failed.
enum StreamError {
    /// It, or its connection, ended too soon.
    Broken(Status),
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
    Answer(Option<IngestResponse>),
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
        let tracker = Tracker::new(tally);
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
            is_followed: false,
            last_input,
            give_up_after,
            is_reconnect: false,
        }
    }

    /// For an input that may grow: a signal ends it, and what was read of it is then done in order.
    pub fn followed(self) -> Self {
        Self { is_followed: true, ..self }
    }

    /// The counts at the end.
    pub fn into_tally(self) -> Tally {
        self.tracker.tally()
    }

    /// Sends every line and takes in every result, over as many streams as that needs.
    pub async fn run(&mut self, index: IndexServiceClient<Connection>, options: IngestOptions) -> anyhow::Result<()> {
        let mut signals = Signals::new().context("can't listen for signals")?;
        let mut backoff = Backoff::new(self.give_up_after);
        let mut acked = self.tracker.acked();
        loop {
            match self.stream(index.clone(), options.clone(), &mut signals).await {
                Ok(()) => {
                    backoff.progressed();
                    self.tracker.restart();
                    if self.input_ended || !self.wait_for_input(&mut signals).await? {
                        return Ok(());
                    }
                }
                Err(StreamError::Fatal(error)) => return Err(error),
                Err(StreamError::Broken(status)) => {
                    // Counted lines are the measure: a server that always fails at the same document, after it answered
                    // later ones, makes no progress. Where nothing is left to send, none can be made.
                    if self.tracker.acked() > acked || self.is_waiting_for_input() {
                        acked = self.tracker.acked();
                        backoff.progressed();
                    }
                    if !self.wait_to_reconnect(&status, &mut backoff, &mut signals).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits after a stream broke, and prepares the next one. Returns whether there is a need for one.
    ///
    /// # Errors
    /// If the error is permanent, there was no progress for too long, or a signal came.
    async fn wait_to_reconnect(
        &mut self,
        status: &Status,
        backoff: &mut Backoff,
        signals: &mut Signals,
    ) -> anyhow::Result<bool> {
        // A message that was not sent is made again of the lines.
        (self.outbound, self.ready) = (None, None);
        let Some(delay) = backoff.next_delay(status) else { return Err(backoff.error(status.clone())) };
        if self.is_answered() {
            return Ok(false);
        }
        self.progress.warn(&notice("the stream broke", status, delay));
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
        Ok(has_more || !self.is_followed && !self.is_answered())
    }

    /// Whether all that was read has its result, and more may come.
    fn is_waiting_for_input(&self) -> bool {
        !self.input_ended && self.tracker.unanswered() == 0
    }

    /// Whether every line of the input has its result, so that nothing is lost with a broken stream. An input without
    /// documents needs a stream that ends well: the server may have something against its options.
    fn is_answered(&self) -> bool {
        self.input_ended && self.tracker.unanswered() == 0 && self.tracker.acked() > 0
    }

    /// A signal came while no stream was open. Of an input that has no end, it is the end if nothing waits for a result.
    fn interrupted(&mut self) -> anyhow::Result<()> {
        if self.is_followed && self.tracker.unanswered() == 0 {
            self.input_ended = true;
            return Ok(());
        }
        Err(anyhow!("interrupted"))
    }

    async fn stream(
        &mut self,
        mut index: IndexServiceClient<Connection>,
        options: IngestOptions,
        signals: &mut Signals,
    ) -> Result<(), StreamError> {
        let (sender, receiver) = mpsc::channel(OUTBOUND);
        // A server may want to see the options before it answers at all.
        let opening = IngestRequest { options: Some(options), documents: Vec::new() };
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
                let documents = self.tracker.next_message();
                self.ready = documents.map(|documents| IngestRequest { options: None, documents });
            }
            if self.input_ended && self.ready.is_none() {
                self.outbound = None;
            }
            match self.next(&mut answers, signals).await? {
                // What was read of an input that has no end is finished; a second signal doesn't wait for that.
                Event::Interrupted if self.is_followed && !self.input_ended => self.input_ended = true,
                Event::Interrupted => return Err(anyhow!("interrupted").into()),
                Event::Checkpoint => self.save().await?,
                Event::Quiet => self.outbound = None,
                Event::Answer(Some(answer)) => self.take_answer(answer).await?,
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
        Ok(self.tracker.unanswered() > 0)
    }

    /// Results come first: they make room.
    async fn next(
        &mut self,
        answers: &mut Streaming<IngestResponse>,
        signals: &mut Signals,
    ) -> Result<Event, StreamError> {
        let wants_input = self.ready.is_none() && !self.input_ended && self.tracker.has_room();
        let may_be_quiet = self.is_followed && wants_input && self.tracker.unanswered() == 0 && self.outbound.is_some();
        Ok(tokio::select! {
            biased;
            () = signals.next() => Event::Interrupted,
            () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => Event::Checkpoint,
            answer = answers.message() => Event::Answer(answer.map_err(StreamError::Broken)?),
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
        // A server that is starting opens streams, and breaks them.
        if std::mem::take(&mut self.is_reconnect) {
            self.tracker.reconnected();
        }
        for result in answer.results {
            self.tracker.answered(result)?;
        }
        self.tracker.durable_through(answer.durable_through);
        self.settle().await
    }

    /// Is done with the lines that wait for no other.
    async fn settle(&mut self) -> anyhow::Result<()> {
        while let Some((line, rejection)) = self.tracker.settle() {
            if let Some(rejection) = rejection {
                self.rejects.write(&line, &rejection).await?;
            }
        }
        self.progress.update(&self.tracker.tally());
        Ok(())
    }

    async fn save(&mut self) -> anyhow::Result<()> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.save(self.tracker.tally(), self.rejects.sync().await?).await?;
        }
        Ok(())
    }

    /// The server ended the stream: right if it was told that there is no more, and answered everything.
    fn end(&self) -> Result<(), Status> {
        let unanswered = self.tracker.unanswered();
        if self.outbound.is_some() || unanswered > 0 {
            return Err(Status::unavailable(format!(
                "the server ended the stream with {unanswered} documents unanswered"
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
