//! The conversation with the server: batches out, results in.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::batch::Line;
use super::checkpoint::Checkpoint;
use super::progress::Progress;
use super::reader::{Batch, Batches};
use super::rejects::RejectFile;
use super::signals::Signals;
use super::tracker::{Tally, Tracker};
use crate::cli::client::Connection;
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{IngestOptions, IngestRequest, IngestResponse};

/// How many messages wait for the connection to take them.
const OUTBOUND: usize = 2;

/// After so long without anything to send, a stream is ended: a server ends one that is silent for long.
const QUIET: Duration = Duration::from_secs(5);

/// One stream, from the first message to the last result; of an input that is followed, one each time that there is more.
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

    /// Sends every line and takes in every result.
    pub async fn run(&mut self, index: IndexServiceClient<Connection>, options: IngestOptions) -> anyhow::Result<()> {
        let mut signals = Signals::new().context("can't listen for signals")?;
        loop {
            self.stream(index.clone(), options.clone(), &mut signals).await?;
            self.tracker.begin_stream();
            if self.input_ended || !self.wait_for_input(&mut signals).await? {
                return Ok(());
            }
        }
    }

    async fn stream(
        &mut self,
        mut index: IndexServiceClient<Connection>,
        options: IngestOptions,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let (sender, receiver) = mpsc::channel(OUTBOUND);
        // A server may want to see the options before it answers at all.
        sender.send(IngestRequest { options: Some(options), documents: Vec::new() }).await?;
        self.outbound = Some(sender);
        self.last_input = Instant::now();

        let mut answers = tokio::select! {
            answers = index.ingest(ReceiverStream::new(receiver)) => answers?.into_inner(),
            () = signals.next() => bail!("interrupted"),
        };
        loop {
            if self.input_ended && self.ready.is_none() {
                self.outbound = None;
            }
            match self.next(&mut answers, signals).await? {
                // What was read of an input that has no end is finished; a second signal doesn't wait for that.
                Event::Interrupted if self.is_followed && !self.input_ended => self.input_ended = true,
                Event::Interrupted => bail!("interrupted"),
                Event::Checkpoint => self.save().await?,
                Event::Quiet => self.outbound = None,
                Event::Answer(Some(answer)) => self.take_answer(answer).await?,
                Event::Answer(None) => return self.end(),
                Event::Place => self.send(),
                Event::Input(batch) => self.take_input(batch).await?,
            }
        }
    }

    /// Between two streams. Tells whether there is more to send; a signal is the end.
    async fn wait_for_input(&mut self, signals: &mut Signals) -> anyhow::Result<bool> {
        while self.ready.is_none() && !self.input_ended {
            tokio::select! {
                biased;
                () = signals.next() => self.input_ended = true,
                () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => self.save().await?,
                batch = self.batches.recv() => self.take_input(batch).await?,
            }
        }
        Ok(self.ready.is_some())
    }

    /// Results come first: they make room.
    async fn next(&mut self, answers: &mut Streaming<IngestResponse>, signals: &mut Signals) -> anyhow::Result<Event> {
        let wants_input = self.ready.is_none() && !self.input_ended && self.tracker.has_room();
        let may_be_quiet = self.is_followed && wants_input && self.tracker.waiting() == 0 && self.outbound.is_some();
        Ok(tokio::select! {
            biased;
            () = signals.next() => Event::Interrupted,
            () = due(self.checkpoint.as_deref_mut()), if self.checkpoint.is_some() => Event::Checkpoint,
            answer = answers.message() => Event::Answer(answer?),
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

    /// Makes documents a message; lines that are no documents are rejected here and now.
    async fn take_lines(&mut self, lines: Vec<Line>) -> anyhow::Result<()> {
        let mut documents = Vec::with_capacity(lines.len());
        for line in lines {
            match line.document.clone() {
                Ok(document) => {
                    documents.push(document);
                    self.tracker.sent(line);
                }
                Err(rejection) => self.tracker.refused(line, rejection),
            }
        }
        self.ready = (!documents.is_empty()).then_some(IngestRequest { options: None, documents });
        self.settle().await
    }

    /// There is a place: the message goes.
    fn send(&mut self) {
        let (Some(outbound), Some(message)) = (&self.outbound, self.ready.take()) else { return };
        if outbound.try_send(message).is_err() {
            // The server takes no more. Its answers say why.
            self.outbound = None;
            self.input_ended = true;
        }
    }

    async fn take_answer(&mut self, answer: IngestResponse) -> anyhow::Result<()> {
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

    /// The server ended the stream: right if it has all the input and answered it.
    fn end(&mut self) -> anyhow::Result<()> {
        // A stream that was ended because all was quiet leaves the rest of the input to the next one.
        let unread = !(self.input_ended || self.outbound.is_none()) || self.ready.is_some();
        if unread || self.tracker.waiting() > 0 {
            bail!("the server ended the stream with {} documents unanswered", self.tracker.waiting());
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
