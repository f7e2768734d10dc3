//! All streams of a run.

mod reconnect;
mod responses;
mod stream_loop;

use std::time::Duration;

use anyhow::{Context, anyhow};
use tonic::Status;

use super::outbound_stream::OutboundStream;
use super::session_input::SessionInput;
use super::stream_outcome::{FailedOperations, StreamEnd, StreamError};
use crate::cli::client::ClientConnection;
use crate::cli::ingest::checkpoint::IngestCheckpoint;
use crate::cli::ingest::file_tracker::FileTracker;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::progress::ProgressReporter;
use crate::cli::ingest::reader::{FollowControl, InputEventReceiver};
use crate::cli::ingest::reject_file::RejectFile;
use crate::cli::ingest::signals::ShutdownSignals;
use crate::cli::ingest::tracker::Tracker;
use crate::cli::retry::Backoff;
use crate::proto::IngestOptions;
use crate::proto::index_service_client::IndexServiceClient;

/// One stream, from the first message to the last result; of an input that is followed, one each time that there is more.
/// Further ones replace streams that end early.
pub struct Session<'a> {
    input: SessionInput,
    rejects: &'a mut RejectFile,
    progress: &'a ProgressReporter,
    checkpoint: Option<&'a mut IngestCheckpoint>,
    tracker: Tracker,
    outbound: OutboundStream,
    /// Streams that fail are replaced until there has been no progress for this long.
    give_up_after: Duration,
    /// Whether the next stream replaces one that failed.
    is_reconnect: bool,
    /// Which creation of the collection the first stream opened. The others must find the same.
    incarnation: Option<String>,
    /// What FAILED on the open stream.
    failed_operations: Option<FailedOperations>,
    /// Whether the server of the open stream is about to stop.
    is_draining: bool,
}

impl<'a> Session<'a> {
    /// Goes on from counts, and keeps the checkpoint.
    pub fn new(
        events: InputEventReceiver,
        rejects: &'a mut RejectFile,
        progress: &'a ProgressReporter,
        checkpoint: Option<&'a mut IngestCheckpoint>,
        stats: IngestStats,
        give_up_after: Duration,
    ) -> Self {
        let tracker = Tracker::new(stats, FileTracker::default());
        Self {
            input: SessionInput::new(events),
            rejects,
            progress,
            checkpoint,
            tracker,
            outbound: OutboundStream::default(),
            give_up_after,
            is_reconnect: false,
            incarnation: None,
            failed_operations: None,
            is_draining: false,
        }
    }

    /// For an input that may grow: a signal ends it, and what was read of it is then done in order.
    pub fn with_follow(self, follow: Option<FollowControl>) -> Self {
        Self { input: self.input.with_follow(follow), ..self }
    }

    /// For an input of files, from where earlier runs were done with them.
    pub fn with_files(mut self, files: FileTracker) -> Self {
        self.tracker = Tracker::new(self.tracker.stats(), files);
        self
    }

    /// Returns the counts and the files at the end.
    pub fn into_tracker(self) -> Tracker {
        self.tracker
    }

    /// Returns the counts at the end.
    pub fn into_stats(self) -> IngestStats {
        self.tracker.stats()
    }

    /// Sends every line and takes in every result, over as many streams as that needs.
    pub async fn run(
        &mut self,
        index: IndexServiceClient<ClientConnection>,
        options: IngestOptions,
    ) -> anyhow::Result<()> {
        let mut signals = ShutdownSignals::new().context("can't listen for signals")?;
        let mut backoff = Backoff::new(self.give_up_after);
        let mut was_drained = false;
        loop {
            let acked_before = self.tracker.acked_count();
            let outcome = self.run_stream(index.clone(), self.next_options(&options), &mut signals).await;
            let has_progressed = self.tracker.acked_count() > acked_before;
            // A server that is about to stop may be followed by another one; the second time it has to take something.
            let is_drained = matches!(outcome, Ok(StreamEnd::Drained)) && (has_progressed || !was_drained);
            was_drained = is_drained;
            if is_drained {
                if has_progressed {
                    backoff.reset();
                }
                self.tracker.restart_stream();
                continue;
            }
            let (failure, status) = match outcome {
                Ok(StreamEnd::Complete) => {
                    backoff.reset();
                    self.tracker.restart_stream();
                    if self.input.has_ended() || !self.wait_for_input(&mut signals).await? {
                        return Ok(());
                    }
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
            // Counted lines are the measure: a server that always fails at the same document, after it answered later ones,
            // makes no progress. Where nothing is left to send, none can be made.
            if has_progressed || self.is_waiting_for_input() {
                backoff.reset();
            }
            if !self.wait_to_reconnect(failure, &status, &mut backoff, &mut signals).await? {
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

    /// Whether all that was read is done with, and more may come.
    fn is_waiting_for_input(&self) -> bool {
        !self.input.has_ended() && self.tracker.pending_count() == 0
    }

    /// Whether every line of the input is done with, so that nothing is lost with a broken stream. An input without
    /// documents needs a stream that ends well: the server may have something against its options.
    fn is_done(&self) -> bool {
        self.input.has_ended() && self.tracker.pending_count() == 0 && self.tracker.acked_count() > 0
    }

    /// A signal came while no stream was open. Of an input that has no end, it is the end if nothing waits for a result.
    fn handle_interrupt(&mut self) -> anyhow::Result<()> {
        if self.input.stop_following() {
            return Ok(());
        }
        Err(anyhow!("interrupted"))
    }

    /// Is done with the lines that wait for no other.
    async fn process_acked(&mut self) -> anyhow::Result<()> {
        while let Some((line, error)) = self.tracker.pop_acked() {
            if let Some(error) = error {
                self.rejects.write(&line, &error).await?;
            }
        }
        self.progress.update(&self.tracker.stats());
        Ok(())
    }

    async fn save_checkpoint(&mut self) -> anyhow::Result<()> {
        if let Some(checkpoint) = &mut self.checkpoint {
            let records = self.tracker.file_records();
            checkpoint.save(self.tracker.stats(), records, self.rejects.sync().await?).await?;
        }
        Ok(())
    }
}

/// Waits until the checkpoint should be written, if there is one.
async fn wait_until_save_due(checkpoint: Option<&mut IngestCheckpoint>) {
    if let Some(checkpoint) = checkpoint {
        checkpoint.wait_until_due().await;
    }
}
