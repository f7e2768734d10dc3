//! Runs the command, from listing the files to printing the summary.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::IngestCommand;
use crate::cli::errors::EXIT_FAILED;
use crate::cli::flags::Flag;
use crate::cli::ingest::checkpoint::IngestCheckpoint;
use crate::cli::ingest::file_tracker::FileTracker;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::progress::ProgressReporter;
use crate::cli::ingest::reader::paths::{InputSource, sum_source_bytes};
use crate::cli::ingest::reader::resume::ResumePoint;
use crate::cli::ingest::reader::{self, FollowControl, HeldBackRecord, Input, ReadPlan};
use crate::cli::ingest::reject_file::RejectFile;
use crate::cli::ingest::shard::ShardFilter;
use crate::cli::ingest::stream::Session;
use crate::cli::ingest::summary::{EXIT_SOME_REJECTED, RunFailure, Summary};

impl IngestCommand {
    /// Runs the command and returns its exit status.
    ///
    /// # Errors
    /// If the flags are invalid, or a file, the checkpoint or the server can't be opened. Errors of
    /// the streams are part of the summary instead.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.check_flags()?;
        let sources = self.input.list_sources(self.output_files()).await?;
        let mut checkpoint = self.open_checkpoint().await?;
        let is_followed = self.input.follow_interval().is_some();
        let start = self.find_start(checkpoint.as_ref(), &sources).await?;
        print_notices(&start.notices)?;
        let (stats, kept_rejects_bytes) = self.load_previous_progress(checkpoint.as_ref(), &start);
        if let Some(checkpoint) = checkpoint.take_if(|_| start.is_complete && !is_followed) {
            return self.finish_completed_run(checkpoint, stats, start.finished_files).await;
        }
        let bytes = if is_followed { None } else { sum_source_bytes(&sources) };
        let input_paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
        let (finished, reads_again) = (start.finished_files.clone(), start.has_rereads);
        // Clones of the plan share the set of fields seen so far, so that a field missing in all files is detected.
        let plan = self.build_plan();
        let follow = plan.follow.clone();
        let input = open_input(sources, start, plan.clone()).await?;
        let file_tracker = FileTracker::new(finished, input.current_file());
        let index = self.client.connect_index().await?;
        // Opened after the server was reached: the file of an earlier run is truncated only if this run starts.
        let mut rejects =
            RejectFile::open(&self.rejects_path(), input_paths.iter().map(PathBuf::as_path), kept_rejects_bytes)
                .await?;
        let progress = ProgressReporter::new(bytes, &stats);
        let events = reader::spawn(input, plan)?;

        let started_at = Instant::now();
        let mut session = Session::new(events, &mut rejects, &progress, checkpoint.as_mut(), stats, self.give_up_after)
            .with_files(file_tracker);
        session = session.with_follow(follow);
        let mut outcome = session.run(index, self.build_ingest_options(reads_again)).await;
        let mut tracker = session.into_tracker();
        let (stats, records) = (tracker.stats(), tracker.file_records());
        progress.clear();
        let mut duration = started_at.elapsed();
        if let Some(checkpoint) = checkpoint {
            duration = checkpoint.elapsed();
            let close_result = checkpoint.close(stats.clone(), records, rejects.sync().await?, outcome.is_ok()).await;
            outcome = outcome.and(close_result);
        }
        let rejects_file = rejects.finish().await?;

        let failure = outcome.err().map(|error| RunFailure::new(&error, &stats));
        let (held_back, held_back_count) = tracker.files().held_back();
        print_notices(held_back.iter().map(HeldBackRecord::to_string))?;
        self.print_summary(&Summary::new(stats, duration, rejects_file, failure).with_held_back(held_back_count))
    }

    /// Returns the position at which this run starts.
    async fn find_start(
        &self,
        checkpoint: Option<&IngestCheckpoint>,
        sources: &Arc<[InputSource]>,
    ) -> anyhow::Result<ResumePoint> {
        let Some(checkpoint) = checkpoint else { return Ok(ResumePoint::after_lines(self.skip)) };
        let is_followed = self.input.follow_interval().is_some();
        checkpoint.find_start(Arc::clone(sources), self.input.encoding(), is_followed).await
    }

    /// Returns the counts of earlier runs and the number of bytes of their rejects file to keep.
    fn load_previous_progress(&self, checkpoint: Option<&IngestCheckpoint>, start: &ResumePoint) -> (IngestStats, u64) {
        match checkpoint {
            Some(checkpoint) => (checkpoint.stats().with_position(start.position), checkpoint.rejects_bytes()),
            None => (IngestStats::starting_after(self.skip), if self.skip > 0 { u64::MAX } else { 0 }),
        }
    }

    /// Rejects flags for new collections if `--create-collection` is not given.
    fn check_flags(&self) -> anyhow::Result<()> {
        let vector_name = Flag { name: "--vector-name", env_var: "SPLADE_INGEST_VECTOR_NAME" };
        let vector_name = Some(vector_name).filter(|_| !self.vector_name.is_empty());
        let unused_flag =
            vector_name.or(self.collection_options.first_given_flag()).filter(|_| !self.create_collection);
        unused_flag.map_or(Ok(()), |flag| {
            Err(flag.no_effect_error(
                "it applies only to a collection created by this run; add --create-collection, or remove it",
            ))
        })
    }

    /// Reports the counts of an earlier run that completed the whole input.
    async fn finish_completed_run(
        &self,
        checkpoint: IngestCheckpoint,
        stats: IngestStats,
        finished: Vec<FileRecord>,
    ) -> anyhow::Result<ExitCode> {
        let input = self.input.describe();
        let message =
            format!("nothing to do: {input} was already read completely, {} lines or rows\n", stats.position.lines);
        std::io::stderr().write_all(message.as_bytes())?;
        let (duration, rejects_bytes) = (checkpoint.previous_elapsed(), checkpoint.rejects_bytes());
        let rejects_file = (rejects_bytes > 0).then(|| self.rejects_path());
        let records = FileTracker::new(finished, None).file_records(stats.position);
        checkpoint.close(stats.clone(), records, rejects_bytes, true).await?;
        self.print_summary(&Summary::new(stats, duration, rejects_file, None))
    }

    /// Prints the summary and returns the exit status of the run.
    fn print_summary(&self, summary: &Summary) -> anyhow::Result<ExitCode> {
        self.output.print(|| summary.to_text(), || summary.to_json())?;
        if let Some(failure) = &summary.failure {
            failure.print(self.checkpoint.is_some());
            return Ok(ExitCode::from(EXIT_FAILED));
        }
        let is_complete = summary.rejected == 0 && summary.held_back == 0;
        Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(EXIT_SOME_REJECTED) })
    }

    fn build_plan(&self) -> ReadPlan {
        ReadPlan {
            mapping: self.input.mapping(),
            dialect: self.input.dialect(),
            encoding: self.input.encoding(),
            shard_filter: ShardFilter { shard: self.shard, collection: self.collection.clone() },
            follow: self.input.follow_interval().map(FollowControl::new),
            has_checkpoint: self.checkpoint.is_some(),
            is_final: self.is_final,
        }
    }
}

async fn open_input(sources: Arc<[InputSource]>, start: ResumePoint, plan: ReadPlan) -> anyhow::Result<Input> {
    spawn_blocking(move || Input::open(sources, start, &plan)).await?
}

/// Writes notices about the input on standard error.
fn print_notices(notices: impl IntoIterator<Item = impl AsRef<str>>) -> std::io::Result<()> {
    notices.into_iter().try_for_each(|notice| writeln!(std::io::stderr(), "note: {}", notice.as_ref()))
}
