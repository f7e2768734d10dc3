//! The checkpoint: a file that says how far an ingest got, so that the next run goes on there, whatever ended this one.
//!
//! It holds the place up to which every line is done with, the counts up to there, and how long the reject file was then;
//! what was rejected after that is cut off before the next run rejects it again. It is written about once a second, beside
//! the work: to a file beside it that is then moved to its place, so that it is always whole.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::tracker::Tally;
use crate::durable;

/// How often it is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// The version of what is in the file.
const VERSION: u32 = 1;

/// What is ingested, and into what. A checkpoint of something else is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The whole path of the input, or `-`.
    pub input: String,
    pub collection: String,
    pub shard: String,
    pub id_field: String,
    pub text_field: String,
    pub payload_fields: Option<Vec<String>>,
}

/// What is in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    version: u32,
    subject: Subject,
    /// The input's size at the start of the run; `None` for what has none, such as a pipe.
    input_bytes: Option<u64>,
    /// Whether the input was read to its end.
    finished: bool,
    tally: Tally,
    rejects_bytes: u64,
    /// How long all runs took together.
    seconds: f64,
}

/// The checkpoint of a run.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    /// As it was last written, or is being written.
    state: State,
    /// How long the runs before this one took, and when this one began.
    before: Duration,
    begun: Instant,
    ticks: Interval,
    writing: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Checkpoint {
    /// Takes up the checkpoint of an earlier run, or begins one.
    ///
    /// # Errors
    /// If it is something else's, or can't be read or written.
    pub async fn open(path: &Path, subject: Subject, input_bytes: Option<u64>) -> anyhow::Result<Self> {
        let fresh = State {
            version: VERSION,
            subject,
            input_bytes,
            finished: false,
            tally: Tally::default(),
            rejects_bytes: 0,
            seconds: 0.0,
        };
        let owned = path.to_owned();
        let state = spawn_blocking(move || match read(&owned)? {
            Some(found) => found.taken_up(&fresh),
            // Written now, so that a wrong path costs nothing.
            None => write(&owned, &fresh).map(|()| fresh),
        });
        let state = state.await?.with_context(|| format!("--checkpoint: {}", path.display()))?;
        let begun = Instant::now();
        let mut ticks = interval_at(begun + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let before = Duration::try_from_secs_f64(state.seconds).unwrap_or_default();
        Ok(Self { path: path.to_owned(), state, before, begun, ticks, writing: None })
    }

    /// The counts to go on from.
    pub fn tally(&self) -> Tally {
        self.state.tally.clone()
    }

    /// How much of the reject file there was.
    pub fn rejects_bytes(&self) -> u64 {
        self.state.rejects_bytes
    }

    /// Whether an earlier run has read all that the input has now. What has no size may have more.
    pub fn is_finished(&self) -> bool {
        self.state.finished && self.state.input_bytes.is_some_and(|bytes| bytes <= self.state.tally.done.bytes)
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
        self.state = State { tally, rejects_bytes, seconds, finished, ..self.state.clone() };
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
    /// What was found, for the run of a fresh state.
    fn taken_up(self, fresh: &Self) -> anyhow::Result<Self> {
        ensure!(self.version == fresh.version, "it was written by another release; {REMEDY}");
        let differences = self.subject.differences(&fresh.subject);
        ensure!(differences.is_empty(), "it is of another ingest: {}; {REMEDY}", differences.join(", "));
        if let (Some(then), Some(now)) = (self.input_bytes, fresh.input_bytes) {
            let then = then.max(self.tally.done.bytes);
            ensure!(now >= then, "the input had {then} bytes and has {now} now, so it is another one; {REMEDY}");
        }
        Ok(Self { input_bytes: fresh.input_bytes, ..self })
    }
}

const REMEDY: &str = "name another file or remove this one to begin anew, or give what it was to go on";

impl Subject {
    fn differences(&self, now: &Self) -> Vec<String> {
        let fields = |subject: &Self| match &subject.payload_fields {
            Some(fields) => fields.join(","),
            None => "all".to_owned(),
        };
        let all = [
            ("the input", self.input.clone(), now.input.clone()),
            ("--collection", self.collection.clone(), now.collection.clone()),
            ("--shard", self.shard.clone(), now.shard.clone()),
            ("--id-field", self.id_field.clone(), now.id_field.clone()),
            ("--text-field", self.text_field.clone(), now.text_field.clone()),
            ("--payload-fields", fields(self), fields(now)),
        ];
        let differing = all.into_iter().filter(|(_, then, now)| then != now);
        differing.map(|(name, then, now)| format!("{name} was `{then}` and is `{now}`")).collect()
    }
}

fn read(path: &Path) -> anyhow::Result<Option<State>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("it can't be read: {error}"),
    };
    let state = serde_json::from_slice(&text).with_context(|| format!("it holds no checkpoint; {REMEDY}"))?;
    Ok(Some(state))
}

/// Replaces the file as a whole: after whatever happens there is the old one or the new one.
fn write(path: &Path, state: &State) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string_pretty(state)?);
    durable::replace(path, text.as_bytes()).context("it can't be written")
}

#[cfg(test)]
mod tests {
    use super::super::batch::Place;
    use super::*;

    fn subject() -> Subject {
        Subject {
            input: "/docs.jsonl".to_owned(),
            collection: "docs".to_owned(),
            shard: "0/1".to_owned(),
            id_field: "id".to_owned(),
            text_field: "text".to_owned(),
            payload_fields: None,
        }
    }

    fn tally(lines: u64, bytes: u64) -> Tally {
        Tally { indexed: lines, done: Place { lines, bytes }, ..Tally::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_goes_on_where_the_last_one_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let open = || Checkpoint::open(&path, subject(), Some(100));
        let mut first = open().await.unwrap();
        assert_eq!((first.tally(), first.rejects_bytes(), first.is_finished()), (Tally::default(), 0, false));
        first.due().await;
        first.save(tally(4, 40), 7).await.unwrap();
        first.written().await.unwrap();
        // It is killed here.
        let second = open().await.unwrap();
        assert_eq!((second.tally(), second.rejects_bytes(), second.is_finished()), (tally(4, 40), 7, false));
        assert!((1.0..1.5).contains(&second.elapsed().as_secs_f64()));
        second.close(tally(10, 100), 9, true).await.unwrap();
        assert!(open().await.unwrap().is_finished());
        let grown = Checkpoint::open(&path, subject(), Some(101)).await.unwrap();
        assert!(!grown.is_finished());
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["checkpoint"]);
    }

    #[tokio::test]
    async fn what_is_of_another_ingest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        Checkpoint::open(&path, subject(), Some(100)).await.unwrap();
        let refusal = async |subject: Subject, bytes| {
            format!("{:#}", Checkpoint::open(&path, subject, Some(bytes)).await.unwrap_err())
        };
        let other = Subject { collection: "other".to_owned(), shard: "1/2".to_owned(), ..subject() };
        let error = refusal(other, 100).await;
        assert!(error.starts_with(&format!("--checkpoint: {}: it is of another ingest", path.display())), "{error}");
        assert!(error.contains("--collection was `docs` and is `other`, --shard was `0/1` and is `1/2`"), "{error}");
        let fields = Subject { payload_fields: Some(vec!["a".to_owned(), "b".to_owned()]), ..subject() };
        assert!(refusal(fields, 100).await.contains("--payload-fields was `all` and is `a,b`"));
        assert!(refusal(subject(), 99).await.contains("had 100 bytes and has 99 now"));
        fs::write(&path, "{}").unwrap();
        assert!(refusal(subject(), 100).await.contains("holds no checkpoint"));
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("checkpoint");
        let error = format!("{:#}", Checkpoint::open(&path, subject(), None).await.unwrap_err());
        assert!(error.contains("can't be written"), "{error}");
    }
}
