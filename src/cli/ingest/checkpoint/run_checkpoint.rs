//! The checkpoint of a run, while it is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::file::{open_state, write};
use super::legacy::Standing;
use super::state::{State, VERSION};
use super::subject::Subject;
use crate::cli::ingest::read_files::FileRecords;
use crate::cli::ingest::reader::TextEncoding;
use crate::cli::ingest::reader::paths::Source;
use crate::cli::ingest::reader::resume::{Earlier, Start};
use crate::cli::ingest::tally::Tally;
use crate::cli::run_lock::RunLock;

/// How often it is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// A checkpoint of many files takes long to be written: at most this share of the time is spent on it.
const MAX_SHARE: u32 = 20;

/// The checkpoint of a run.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    /// As it was last written, or is being written.
    state: State,
    /// What an earlier build wrote, which knew files by their sizes.
    legacy: Option<Standing>,
    /// How long the runs before this one took, and when this one began.
    before: Duration,
    begun: Instant,
    ticks: Interval,
    writing: Option<JoinHandle<anyhow::Result<Duration>>>,
    _lock: RunLock,
}

impl Checkpoint {
    /// Takes up the checkpoint of an earlier run, or begins one.
    ///
    /// # Errors
    /// If it is something else's, another run uses it, or it can't be read or written.
    pub async fn open(path: &Path, subject: Subject) -> anyhow::Result<Self> {
        let owned = path.to_owned();
        let opened = spawn_blocking(move || {
            let lock = RunLock::acquire(&owned)?;
            open_state(&owned, subject).map(|(state, legacy)| (lock, state, legacy))
        });
        let (lock, state, legacy) = opened.await?.with_context(|| format!("--checkpoint: {}", path.display()))?;
        let begun = Instant::now();
        let before = Duration::try_from_secs_f64(state.seconds).unwrap_or_default();
        let ticks = ticks(INTERVAL);
        Ok(Self { path: path.to_owned(), state, legacy, before, begun, ticks, writing: None, _lock: lock })
    }

    /// Returns the counts to go on from.
    pub fn tally(&self) -> Tally {
        self.state.tally.clone()
    }

    /// Returns how much of the rejects file there was.
    pub fn rejects_bytes(&self) -> u64 {
        self.state.rejects_bytes
    }

    /// Compares the input with what earlier runs read of it. Takes as long as reading that.
    ///
    /// # Errors
    /// If a checkpoint of an earlier build is of files of other sizes.
    pub async fn find_start(
        &self,
        sources: Arc<[Source]>,
        encoding: TextEncoding,
        is_followed: bool,
    ) -> anyhow::Result<Start> {
        let done = self.state.tally.done;
        let (finished, current) = (self.state.finished_files.to_vec(), self.state.current_file.clone());
        let (legacy, is_finished) = (self.legacy.clone(), self.state.finished);
        let found = spawn_blocking(move || match legacy {
            Some(standing) => standing.find_start(&sources, done, is_finished, is_followed),
            None => Ok(Start::find(&sources, &Earlier { finished, current, done }, encoding, is_followed)),
        });
        found.await?.with_context(|| format!("--checkpoint: {}", self.path.display()))
    }

    /// Returns how long the runs before this one took.
    pub fn before(&self) -> Duration {
        self.before
    }

    /// Returns how long all runs took so far.
    pub fn elapsed(&self) -> Duration {
        self.before + self.begun.elapsed()
    }

    /// Waits until it should be written.
    pub async fn due(&mut self) {
        self.ticks.tick().await;
    }

    /// Begins to write it, unless it is being written or says this already.
    ///
    /// # Errors
    /// If the last writing failed.
    pub async fn save(&mut self, tally: Tally, files: FileRecords, rejects_bytes: u64) -> anyhow::Result<()> {
        let is_written = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        if is_written && self.is_changed(&tally, &files, rejects_bytes) {
            let took = self.written().await?;
            if took * MAX_SHARE > INTERVAL {
                self.ticks = ticks(took * MAX_SHARE);
            }
            self.begin_writing(tally, files, rejects_bytes, false);
        }
        Ok(())
    }

    /// Writes it for the last time.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn close(
        mut self,
        tally: Tally,
        files: FileRecords,
        rejects_bytes: u64,
        finished: bool,
    ) -> anyhow::Result<()> {
        // If the writing before this one failed, this one reports it.
        let _earlier = self.written().await;
        self.begin_writing(tally, files, rejects_bytes, finished);
        self.written().await.map(drop)
    }

    fn is_changed(&self, tally: &Tally, files: &FileRecords, rejects_bytes: u64) -> bool {
        let State { tally: old, rejects_bytes: old_bytes, finished_files, .. } = &self.state;
        (old, *old_bytes, finished_files.len()) != (tally, rejects_bytes, files.finished.len())
    }

    fn begin_writing(&mut self, tally: Tally, files: FileRecords, rejects_bytes: u64, finished: bool) {
        let FileRecords { finished: finished_files, current: current_file } = files;
        let (subject, seconds) = (self.state.subject.clone(), self.elapsed().as_secs_f64());
        self.state =
            State { version: VERSION, subject, finished, tally, finished_files, current_file, rejects_bytes, seconds };
        let (path, state) = (self.path.clone(), self.state.clone());
        self.writing = Some(spawn_blocking(move || {
            let start = Instant::now();
            write(&path, &state).with_context(|| format!("--checkpoint: {}", path.display()))?;
            Ok(start.elapsed())
        }));
    }

    pub(super) async fn written(&mut self) -> anyhow::Result<Duration> {
        match self.writing.take() {
            Some(writing) => writing.await?,
            None => Ok(Duration::ZERO),
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
