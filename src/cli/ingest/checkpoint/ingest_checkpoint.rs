//! The open checkpoint of a run, which is saved in the background.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::file::{open_state, write_checkpoint};
use super::legacy::LegacyFiles;
use super::settings::IngestSettings;
use super::state::{CheckpointState, VERSION};
use crate::cli::ingest::file_tracker::FileRecords;
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::reader::TextEncoding;
use crate::cli::ingest::reader::paths::InputSource;
use crate::cli::ingest::reader::resume::{PreviousRun, ResumePoint};
use crate::cli::run_lock::RunLock;

/// Interval between saves, unless a save takes long.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum ratio of the save interval to the duration of a save. A checkpoint of many files is saved less often, so that saves
/// take at most 5% of the time.
const MIN_INTERVAL_TO_WRITE_RATIO: u32 = 20;

/// The open checkpoint of a run, locked against other runs.
#[derive(Debug)]
pub struct IngestCheckpoint {
    path: PathBuf,
    /// State that was last written or is being written.
    state: CheckpointState,
    /// File sizes from a file of version 2 or 3, which identifies files by size.
    legacy_files: Option<LegacyFiles>,
    /// Total duration of the previous runs.
    previous_elapsed: Duration,
    started_at: Instant,
    save_interval: Interval,
    write_task: Option<JoinHandle<anyhow::Result<Duration>>>,
    _lock: RunLock,
}

impl IngestCheckpoint {
    /// Opens the checkpoint of an earlier run, or creates a new one.
    ///
    /// # Errors
    /// If the file is not a checkpoint, was written with different settings, is used by another run, or can't be read or written.
    pub async fn open(path: &Path, settings: IngestSettings) -> anyhow::Result<Self> {
        let checkpoint_path = path.to_owned();
        let opened = spawn_blocking(move || {
            let lock = RunLock::acquire(&checkpoint_path)?;
            open_state(&checkpoint_path, settings).map(|(state, legacy)| (lock, state, legacy))
        });
        let (lock, state, legacy) = opened.await?.with_context(|| format!("--checkpoint: {}", path.display()))?;
        let started_at = Instant::now();
        let previous_elapsed = Duration::try_from_secs_f64(state.elapsed_seconds).unwrap_or_default();
        let save_interval = start_interval(SAVE_INTERVAL);
        Ok(Self {
            path: path.to_owned(),
            state,
            legacy_files: legacy,
            previous_elapsed,
            started_at,
            save_interval,
            write_task: None,
            _lock: lock,
        })
    }

    /// Returns the counts of the last save.
    pub fn stats(&self) -> IngestStats {
        self.state.stats.clone()
    }

    /// Returns the length of the rejects file at the last save.
    pub fn rejects_bytes(&self) -> u64 {
        self.state.rejects_bytes
    }

    /// Compares the input with what earlier runs read, which requires reading that part again, and returns where to resume.
    ///
    /// # Errors
    /// If the checkpoint has version 2 or 3, and the names or sizes of the files changed.
    pub async fn find_start(
        &self,
        sources: Arc<[InputSource]>,
        encoding: TextEncoding,
        is_followed: bool,
    ) -> anyhow::Result<ResumePoint> {
        let done = self.state.stats.position;
        let (finished, current) = (self.state.finished_files.to_vec(), self.state.current_file.clone());
        let (legacy, is_finished) = (self.legacy_files.clone(), self.state.is_finished);
        let found = spawn_blocking(move || match legacy {
            Some(legacy) => legacy.find_start(&sources, done, is_finished, is_followed),
            None => Ok(ResumePoint::find(
                &sources,
                &PreviousRun { finished_files: finished, current_file: current, position: done },
                encoding,
                is_followed,
            )),
        });
        found.await?.with_context(|| format!("--checkpoint: {}", self.path.display()))
    }

    /// Returns the total duration of the previous runs.
    pub fn previous_elapsed(&self) -> Duration {
        self.previous_elapsed
    }

    /// Returns the total duration of all runs, this one included.
    pub fn elapsed(&self) -> Duration {
        self.previous_elapsed + self.started_at.elapsed()
    }

    /// Waits until the next save is due.
    pub async fn wait_until_due(&mut self) {
        self.save_interval.tick().await;
    }

    /// Starts a save in the background, unless one is in progress or nothing has changed.
    ///
    /// # Errors
    /// If the previous save failed.
    pub async fn save(&mut self, stats: IngestStats, files: FileRecords, rejects_bytes: u64) -> anyhow::Result<()> {
        let is_write_done = self.write_task.as_ref().is_none_or(JoinHandle::is_finished);
        if is_write_done && self.has_changed(&stats, &files, rejects_bytes) {
            let write_duration = self.wait_for_write().await?;
            if write_duration * MIN_INTERVAL_TO_WRITE_RATIO > SAVE_INTERVAL {
                self.save_interval = start_interval(write_duration * MIN_INTERVAL_TO_WRITE_RATIO);
            }
            self.start_write(stats, files, rejects_bytes, false);
        }
        Ok(())
    }

    /// Saves the final state and waits for it.
    ///
    /// # Errors
    /// If the file can't be written.
    pub async fn close(
        mut self,
        stats: IngestStats,
        files: FileRecords,
        rejects_bytes: u64,
        is_finished: bool,
    ) -> anyhow::Result<()> {
        // An error of the previous save is ignored: if it persists, the final save returns it.
        let _earlier = self.wait_for_write().await;
        self.start_write(stats, files, rejects_bytes, is_finished);
        self.wait_for_write().await.map(drop)
    }

    fn has_changed(&self, stats: &IngestStats, files: &FileRecords, rejects_bytes: u64) -> bool {
        let CheckpointState { stats: old_stats, rejects_bytes: old_bytes, finished_files, .. } = &self.state;
        (old_stats, *old_bytes, finished_files.len()) != (stats, rejects_bytes, files.finished.len())
    }

    fn start_write(&mut self, stats: IngestStats, files: FileRecords, rejects_bytes: u64, is_finished: bool) {
        let FileRecords { finished: finished_files, current: current_file } = files;
        let (settings, elapsed_seconds) = (self.state.settings.clone(), self.elapsed().as_secs_f64());
        self.state = CheckpointState {
            version: VERSION,
            settings,
            is_finished,
            stats,
            finished_files,
            current_file,
            rejects_bytes,
            elapsed_seconds,
        };
        let (path, state) = (self.path.clone(), self.state.clone());
        self.write_task = Some(spawn_blocking(move || {
            let start = Instant::now();
            write_checkpoint(&path, &state).with_context(|| format!("--checkpoint: {}", path.display()))?;
            Ok(start.elapsed())
        }));
    }

    /// Waits for the save in progress and returns its duration; zero if there is none.
    pub(super) async fn wait_for_write(&mut self) -> anyhow::Result<Duration> {
        match self.write_task.take() {
            Some(writing) => writing.await?,
            None => Ok(Duration::ZERO),
        }
    }
}

fn start_interval(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    // A delayed tick must not be followed by a burst of saves.
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
