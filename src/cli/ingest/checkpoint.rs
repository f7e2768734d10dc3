//! The checkpoint: a file that says how far an ingest got, so that the next run goes on there, whatever ended this one.
//!
//! It holds the place up to which every line is done with, the counts up to there, and how long the reject file was then;
//! what was rejected after that is cut off before the next run rejects it again. It is written about once a second, beside
//! the work: to a file beside it that is then moved to its place, so that it is always whole.
//!
//! Of the files it keeps which one is being read, how large it was, and how much is in those before it: so a run notices if
//! these are no longer what they were. Those after it are not read yet, and may be.
//!
//! The file has a version. Files of version 2, which the first build of 0.1.0 wrote, are read and written again as version 3.
//! A file of a later version is refused: the release that wrote it has to finish. docs/ingest.md describes version 3; files of
//! both versions are in tests/data/checkpoints.

pub mod subject;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use self::subject::Subject;
use super::batch::Place;
use super::reader::Format;
use super::reader::paths::Source;
use super::total_bytes;
use super::tracker::Tally;
use crate::durable;

/// How often it is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// The version of what is written.
const VERSION: u32 = 3;

/// The version that differs in nothing but the form of the settings.
const VERSION_2: u32 = 2;

/// What is in the file. The names are the format's, whatever the fields are called; tests hold them. A field that is added
/// needs `#[serde(default)]`, so that files without it stay readable.
// A build that knows only version 2 looks at the version when it has parsed the rest, so the rest has the same form there:
// settings are texts, also where they are lists. Then it says that another release wrote the file, and not that it is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    #[serde(rename = "version")]
    version: u32,
    #[serde(rename = "subject")]
    subject: Subject,
    /// Where all files have a size, their bytes at the start of the run.
    #[serde(rename = "input_bytes")]
    input_bytes: Option<u64>,
    #[serde(rename = "files")]
    files: usize,
    #[serde(rename = "standing")]
    standing: Standing,
    /// Whether the input was read to its end.
    #[serde(rename = "finished")]
    finished: bool,
    #[serde(rename = "tally")]
    tally: Tally,
    #[serde(rename = "rejects_bytes")]
    rejects_bytes: u64,
    /// How long all runs took together.
    #[serde(rename = "seconds")]
    seconds: f64,
}

/// What every version of the file has.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(rename = "version")]
    version: u32,
}

/// The settings of version 2, by the flags' names.
#[derive(Debug, Deserialize)]
struct SettingsOfV2 {
    #[serde(rename = "subject")]
    subject: BTreeMap<String, String>,
}

/// A file that was found.
enum Found {
    Current(State),
    /// Its state is that of version 3 but for the settings.
    V2(State, BTreeMap<String, String>),
}

/// The file that is being read, and what is before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Standing {
    #[serde(rename = "path")]
    path: String,
    #[serde(rename = "bytes")]
    bytes: Option<u64>,
    #[serde(rename = "bytes_before")]
    bytes_before: u64,
}

/// The checkpoint of a run.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    /// As it was last written, or is being written.
    state: State,
    sources: Arc<[Source]>,
    is_followed: bool,
    /// How long the runs before this one took, and when this one began.
    before: Duration,
    begun: Instant,
    ticks: Interval,
    writing: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Checkpoint {
    /// Takes up the checkpoint of an earlier run, or begins one. A file that is followed may be another one by now.
    ///
    /// # Errors
    /// If it is something else's, or can't be read or written.
    pub async fn open(
        path: &Path,
        subject: Subject,
        sources: Arc<[Source]>,
        is_followed: bool,
    ) -> anyhow::Result<Self> {
        let fresh = State {
            version: VERSION,
            subject,
            input_bytes: total_bytes(&sources),
            files: sources.len(),
            standing: Standing::at(&sources, 0),
            finished: false,
            tally: Tally::default(),
            rejects_bytes: 0,
            seconds: 0.0,
        };
        let (owned, files) = (path.to_owned(), Arc::clone(&sources));
        let state = spawn_blocking(move || match read(&owned)? {
            // It is replaced when there is progress to record: until then the release before can still be used.
            Some(Found::V2(state, settings)) => {
                let differences = fresh.subject.differences_from_v2(&settings);
                state.taken_up(&fresh, differences, &files, is_followed)
            }
            Some(Found::Current(state)) => {
                let differences = state.subject.differences(&fresh.subject);
                state.taken_up(&fresh, differences, &files, is_followed)
            }
            // Written now, so that a wrong path costs nothing.
            None => write(&owned, &fresh).map(|()| fresh),
        });
        let state = state.await?.with_context(|| format!("--checkpoint: {}", path.display()))?;
        let begun = Instant::now();
        let mut ticks = interval_at(begun + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let before = Duration::try_from_secs_f64(state.seconds).unwrap_or_default();
        Ok(Self { path: path.to_owned(), state, sources, is_followed, before, begun, ticks, writing: None })
    }

    /// The counts to go on from.
    pub fn tally(&self) -> Tally {
        self.state.tally.clone()
    }

    /// How much of the reject file there was.
    pub fn rejects_bytes(&self) -> u64 {
        self.state.rejects_bytes
    }

    /// Whether an earlier run has read all that the input has now. What has no size may have more, and so may a file that is
    /// followed.
    pub fn is_finished(&self) -> bool {
        let State { finished, input_bytes, files, .. } = &self.state;
        let is_as_it_was = *input_bytes == total_bytes(&self.sources) && *files == self.sources.len();
        *finished && input_bytes.is_some() && is_as_it_was && !self.is_followed
    }

    /// How long the runs before this one took.
    pub fn before(&self) -> Duration {
        self.before
    }

    /// How long all runs took so far.
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
    pub async fn save(&mut self, tally: Tally, rejects_bytes: u64) -> anyhow::Result<()> {
        let changed = (&self.state.tally, self.state.rejects_bytes) != (&tally, rejects_bytes);
        if changed && self.writing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.written().await?;
            self.begin_writing(tally, rejects_bytes, false);
        }
        Ok(())
    }

    /// Writes it for the last time.
    ///
    /// # Errors
    /// If it can't be written.
    pub async fn close(mut self, tally: Tally, rejects_bytes: u64, finished: bool) -> anyhow::Result<()> {
        // If the writing before this one failed, this one tells.
        let _earlier = self.written().await;
        self.begin_writing(tally, rejects_bytes, finished);
        self.written().await
    }

    fn begin_writing(&mut self, tally: Tally, rejects_bytes: u64, finished: bool) {
        let seconds = self.elapsed().as_secs_f64();
        let file = tally.done.file;
        if self.state.tally.done.file != file {
            self.state.standing = Standing::at(&self.sources, file);
        }
        let (input_bytes, files) = (total_bytes(&self.sources), self.sources.len());
        self.state = State { tally, rejects_bytes, seconds, finished, input_bytes, files, ..self.state.clone() };
        let (path, state) = (self.path.clone(), self.state.clone());
        self.writing = Some(spawn_blocking(move || {
            write(&path, &state).with_context(|| format!("--checkpoint: {}", path.display()))
        }));
    }

    async fn written(&mut self) -> anyhow::Result<()> {
        match self.writing.take() {
            Some(writing) => writing.await?,
            None => Ok(()),
        }
    }
}

impl State {
    /// Returns what was found, for the run of a fresh state from which its settings differ so.
    fn taken_up(
        self,
        fresh: &Self,
        differences: Vec<String>,
        sources: &[Source],
        is_followed: bool,
    ) -> anyhow::Result<Self> {
        ensure!(differences.is_empty(), "it is of another ingest: {}; {REMEDY}", differences.join(", "));
        if !is_followed {
            self.check(sources)?;
        }
        let standing = Standing::at(sources, self.tally.done.file);
        Ok(Self { version: VERSION, subject: fresh.subject.clone(), standing, ..self })
    }

    /// Looks whether what was read is still there.
    fn check(&self, sources: &[Source]) -> anyhow::Result<()> {
        let Place { file, offset, .. } = self.tally.done;
        let Standing { path, bytes, bytes_before } = &self.standing;
        let now = Standing::at(sources, file);
        let is_there = now.path == *path && now.bytes_before == *bytes_before;
        ensure!(
            is_there,
            "the files up to {path} are no longer what they were, so lines would be lost or doubled; {REMEDY}"
        );
        if let (Some(then), Some(now)) = (*bytes, now.bytes) {
            let is_whole = sources.get(file).is_some_and(|source| source.format == Format::Parquet);
            let then = then.max(offset);
            let is_same = if is_whole { now == then } else { now >= then };
            ensure!(is_same, "the input had {then} bytes and has {now} now, so it is another one; {REMEDY}");
        }
        Ok(())
    }
}

const REMEDY: &str = "name another file or remove this one to begin anew, or give what it was to go on";

impl Standing {
    fn at(sources: &[Source], file: usize) -> Self {
        let bytes_before = sources.iter().take(file).filter_map(|source| source.bytes).sum();
        match sources.get(file) {
            Some(source) => {
                // The same from wherever the command is given.
                let path = std::fs::canonicalize(&source.path).unwrap_or_else(|_| source.path.clone());
                Self { path: path.display().to_string(), bytes: source.bytes, bytes_before }
            }
            None => Self { bytes_before, ..Self::default() },
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Found>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("it can't be read: {error}"),
    };
    parse(&text).map(Some)
}

fn parse(text: &[u8]) -> anyhow::Result<Found> {
    let no_checkpoint = || format!("it holds no checkpoint; {REMEDY}");
    let Header { version } = serde_json::from_slice(text).with_context(no_checkpoint)?;
    ensure!(
        version <= VERSION,
        "a later release wrote it (its version is {version}, and this release reads up to {VERSION}); finish with that \
         release, or name another file or remove this one to begin anew"
    );
    ensure!(
        version >= VERSION_2,
        "a build before 0.1.0 wrote it (its version is {version}); name another file or remove this one to begin anew"
    );
    let state = serde_json::from_slice(text).with_context(no_checkpoint)?;
    if version == VERSION {
        return Ok(Found::Current(state));
    }
    let SettingsOfV2 { subject } = serde_json::from_slice(text).with_context(no_checkpoint)?;
    Ok(Found::V2(state, subject))
}

/// Replaces the file as a whole: after whatever happens there is the old one or the new one.
fn write(path: &Path, state: &State) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(state)?);
    durable::replace(path, text.as_bytes()).context("it can't be written")
}

#[cfg(test)]
mod tests;
