//! The session of a run: opens streams until the whole input is acknowledged.

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

/// Runs the streams of an ingest: usually one, another one when a followed input grows after an idle time, and a replacement
/// for each stream that ended early.
pub struct Session<'a> {
    input: SessionInput,
    rejects: &'a mut RejectFile,
    progress: &'a ProgressReporter,
    checkpoint: Option<&'a mut IngestCheckpoint>,
    tracker: Tracker,
    outbound: OutboundStream,
    /// Failed streams are replaced until there has been no progress for this long.
    give_up_after: Duration,
    /// True if the next stream replaces a failed one.
    is_reconnect: bool,
    /// Incarnation of the collection that the first stream opened; later streams must find the same one.
    incarnation: Option<String>,
    /// Operations that FAILED on the open stream.
    failed_operations: Option<FailedOperations>,
    /// True if the server announced on the open stream that it drains.
    is_draining: bool,
}

impl<'a> Session<'a> {
    /// Creates a session that continues from the counts of earlier runs and saves the checkpoint.
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

    /// Sets the control of a followed input: a signal ends the input, and the lines that were read are still completed.
    pub fn with_follow(self, follow: Option<FollowControl>) -> Self {
        Self { input: self.input.with_follow(follow), ..self }
    }

    /// Sets the tracker of the input files, with the files that earlier runs finished.
    pub fn with_files(mut self, files: FileTracker) -> Self {
        self.tracker = Tracker::new(self.tracker.stats(), files);
        self
    }

    /// Returns the tracker, with the final counts and files.
    pub fn into_tracker(self) -> Tracker {
        self.tracker
    }

    /// Returns the final counts.
    pub fn into_stats(self) -> IngestStats {
        self.tracker.stats()
    }

    /// Sends every line and receives every result, over as many streams as necessary.
    ///
    /// # Errors
    /// If the input can't be read, a permanent error occurs, there is no progress for too long, or a signal interrupts the run.
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
            // A draining server is usually replaced, so the next stream is opened immediately. If a second drain follows without
            // progress, the delay of a failure applies.
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
                // Drained twice without progress: wait as after a failure.
                Ok(StreamEnd::Drained) => {
                    ("no server accepts the documents", Status::unavailable("the server is stopping"))
                }
                Err(StreamError::Failed(status)) => ("documents were not stored", status),
                Err(StreamError::Broken(status)) => ("the stream broke", status),
                Err(StreamError::Fatal(error)) => return Err(error),
            };
            // Progress is measured in acknowledged lines: a server that always fails at the same document makes none, even if it
            // answers later documents. If nothing is pending, no progress is possible, so the time without it does not count.
            if has_progressed || self.is_waiting_for_input() {
                backoff.reset();
            }
            if !self.wait_to_reconnect(failure, &status, &mut backoff, &mut signals).await? {
                return Ok(());
            }
        }
    }

    /// Returns the options of the next stream, which continues the sequence numbers and requires the same collection.
    fn next_options(&self, options: &IngestOptions) -> IngestOptions {
        let mut options = IngestOptions { first_sequence: self.tracker.first_sequence(), ..options.clone() };
        if let Some(incarnation) = &self.incarnation {
            // If the collection was deleted meanwhile, creating it again would lose the documents that are already confirmed.
            options.expected_incarnation.clone_from(incarnation);
            options.create_collection = false;
            options.collection_options = None;
        }
        options
    }

    /// Returns whether everything that was read is acknowledged, and the input has not ended.
    fn is_waiting_for_input(&self) -> bool {
        !self.input.has_ended() && self.tracker.pending_count() == 0
    }

    /// Returns whether every line of the input is acknowledged, so that a broken stream needs no replacement. An input without
    /// documents needs a stream that ends without an error, because the server may reject the options.
    fn is_done(&self) -> bool {
        self.input.has_ended() && self.tracker.pending_count() == 0 && self.tracker.acked_count() > 0
    }

    /// Handles a signal while no stream is open: the first signal ends a followed input.
    ///
    /// # Errors
    /// If the input is not followed, or was already stopped.
    fn handle_interrupt(&mut self) -> anyhow::Result<()> {
        if self.input.stop_following() {
            return Ok(());
        }
        Err(anyhow!("interrupted"))
    }

    /// Counts the lines that are acknowledged, and writes the rejected ones to the rejects file.
    async fn process_acked(&mut self) -> anyhow::Result<()> {
        while let Some((line, error)) = self.tracker.pop_acked() {
            if let Some(error) = error {
                self.rejects.write(&line, &error).await?;
            }
        }
        self.progress.update(&self.tracker.stats());
        Ok(())
    }

    /// Saves the checkpoint, if there is one. The rejects file is synced first, so that it is never shorter than recorded.
    async fn save_checkpoint(&mut self) -> anyhow::Result<()> {
        if let Some(checkpoint) = &mut self.checkpoint {
            let records = self.tracker.file_records();
            checkpoint.save(self.tracker.stats(), records, self.rejects.sync().await?).await?;
        }
        Ok(())
    }
}

/// Waits until the next save of the checkpoint is due; returns immediately without a checkpoint.
async fn wait_until_save_due(checkpoint: Option<&mut IngestCheckpoint>) {
    if let Some(checkpoint) = checkpoint {
        checkpoint.wait_until_due().await;
    }
}
