//! A run of the command: from the files to the summary.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::Ingest;
use crate::cli::errors::FAILED;
use crate::cli::flags::Flag;
use crate::cli::ingest::checkpoint::Checkpoint;
use crate::cli::ingest::input_file::FileRecord;
use crate::cli::ingest::progress::Progress;
use crate::cli::ingest::read_files::ReadFiles;
use crate::cli::ingest::reader::paths::{Source, total_bytes};
use crate::cli::ingest::reader::resume::Start;
use crate::cli::ingest::reader::{self, Follow, HeldBack, Input, Plan};
use crate::cli::ingest::rejects::RejectFile;
use crate::cli::ingest::shard::Part;
use crate::cli::ingest::stream::Session;
use crate::cli::ingest::summary::{Failure, SOME_REJECTED, Summary};
use crate::cli::ingest::tally::Tally;

impl Ingest {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.check_flags()?;
        let sources = self.input.sources(self.own_files()).await?;
        let mut checkpoint = self.open_checkpoint().await?;
        let is_followed = self.input.follow().is_some();
        let start = self.find_start(checkpoint.as_ref(), &sources).await?;
        print_notices(&start.notices)?;
        let (tally, keep) = self.progress_before(checkpoint.as_ref(), &start);
        if let Some(checkpoint) = checkpoint.take_if(|_| start.is_complete && !is_followed) {
            return self.nothing_to_do(checkpoint, tally, start.finished).await;
        }
        let bytes = if is_followed { None } else { total_bytes(&sources) };
        let inputs: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
        let (finished, reads_again) = (start.finished.clone(), start.reads_again);
        // One plan: its files note together which of the named fields there are.
        let plan = self.plan();
        let follow = plan.follow.clone();
        let input = open_input(sources, start, plan.clone()).await?;
        let files = ReadFiles::new(finished, input.file());
        let index = self.client.index().await?;
        // What earlier runs rejected is there until this one begins.
        let mut rejects = RejectFile::open(&self.rejects_path(), inputs.iter().map(PathBuf::as_path), keep).await?;
        let progress = Progress::new(bytes, &tally);
        let batches = reader::spawn(input, plan)?;

        let begun = Instant::now();
        let mut session =
            Session::new(batches, &mut rejects, &progress, checkpoint.as_mut(), tally, self.give_up_after)
                .with_files(files);
        session = session.followed(follow);
        let mut outcome = session.run(index, self.options(reads_again)).await;
        let mut tracker = session.into_tracker();
        let (tally, records) = (tracker.tally(), tracker.file_records());
        progress.clear();
        let mut duration = begun.elapsed();
        if let Some(checkpoint) = checkpoint {
            duration = checkpoint.elapsed();
            let closed = checkpoint.close(tally.clone(), records, rejects.sync().await?, outcome.is_ok()).await;
            outcome = outcome.and(closed);
        }
        let rejects_file = rejects.finish().await?;

        let failure = outcome.err().map(|error| Failure::new(&error, &tally));
        let (held_back, held_back_count) = tracker.files().held_back();
        print_notices(held_back.iter().map(HeldBack::to_string))?;
        self.report(&Summary::new(tally, duration, rejects_file, failure).with_held_back(held_back_count))
    }

    async fn find_start(&self, checkpoint: Option<&Checkpoint>, sources: &Arc<[Source]>) -> anyhow::Result<Start> {
        let Some(checkpoint) = checkpoint else { return Ok(Start::after_lines(self.skip)) };
        let is_followed = self.input.follow().is_some();
        checkpoint.find_start(Arc::clone(sources), self.input.encoding(), is_followed).await
    }

    /// Returns the counts of earlier runs, and how many bytes of their rejects file are kept.
    fn progress_before(&self, checkpoint: Option<&Checkpoint>, start: &Start) -> (Tally, u64) {
        match checkpoint {
            Some(checkpoint) => (checkpoint.tally().at(start.place), checkpoint.rejects_bytes()),
            None => (Tally::after(self.skip), if self.skip > 0 { u64::MAX } else { 0 }),
        }
    }

    /// Refuses what only matters to a collection that is created, if none is.
    fn check_flags(&self) -> anyhow::Result<()> {
        let vector_name = Flag { name: "--vector-name", variable: "SPLADE_INGEST_VECTOR_NAME" };
        let vector_name = Some(vector_name).filter(|_| !self.vector_name.is_empty());
        let given = vector_name.or(self.collection_options.given()).filter(|_| !self.create_collection);
        given.map_or(Ok(()), |flag| {
            Err(flag.without_effect("it is for a collection that is created; add --create-collection, or remove it"))
        })
    }

    /// An earlier run has done it all: its counts are reported again.
    async fn nothing_to_do(
        &self,
        checkpoint: Checkpoint,
        tally: Tally,
        finished: Vec<FileRecord>,
    ) -> anyhow::Result<ExitCode> {
        let input = self.input.in_words();
        let words = format!("nothing to do: all of {input} was read before, {} lines or rows\n", tally.done.lines);
        std::io::stderr().write_all(words.as_bytes())?;
        let (duration, rejects_bytes) = (checkpoint.before(), checkpoint.rejects_bytes());
        let rejects_file = (rejects_bytes > 0).then(|| self.rejects_path());
        let records = ReadFiles::new(finished, None).records(tally.done);
        checkpoint.close(tally.clone(), records, rejects_bytes, true).await?;
        self.report(&Summary::new(tally, duration, rejects_file, None))
    }

    fn report(&self, summary: &Summary) -> anyhow::Result<ExitCode> {
        self.output.print(|| summary.to_text(), || summary.to_json())?;
        if let Some(failure) = &summary.failure {
            failure.tell(self.checkpoint.is_some());
            return Ok(ExitCode::from(FAILED));
        }
        let is_all = summary.rejected == 0 && summary.held_back == 0;
        Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) })
    }

    fn plan(&self) -> Plan {
        Plan {
            mapping: self.input.mapping(),
            dialect: self.input.dialect(),
            encoding: self.input.encoding(),
            part: Part { shard: self.shard, collection: self.collection.clone() },
            follow: self.input.follow().map(Follow::new),
            has_checkpoint: self.checkpoint.is_some(),
            is_final: self.is_final,
        }
    }
}

async fn open_input(sources: Arc<[Source]>, start: Start, plan: Plan) -> anyhow::Result<Input> {
    spawn_blocking(move || Input::open(sources, start, &plan)).await?
}

/// Writes remarks about the input on standard error.
fn print_notices(notices: impl IntoIterator<Item = impl AsRef<str>>) -> std::io::Result<()> {
    notices.into_iter().try_for_each(|notice| writeln!(std::io::stderr(), "note: {}", notice.as_ref()))
}
