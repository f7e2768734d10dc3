//! Checkpoints of versions 2 and 3, which know files by their paths and sizes.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use anyhow::ensure;
use serde::Deserialize;

use super::state::{REMEDY, State, VERSION};
use super::subject::Subject;
use crate::cli::ingest::input_file::whole_path;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::Format;
use crate::cli::ingest::reader::compare::record_whole;
use crate::cli::ingest::reader::paths::{Source, total_bytes};
use crate::cli::ingest::reader::resume::Start;
use crate::cli::ingest::tally::Tally;

/// What is in a file of version 2 or 3.
#[derive(Debug, Deserialize)]
pub struct StateOfV3 {
    #[serde(rename = "subject")]
    subject: Subject,
    #[serde(rename = "input_bytes")]
    input_bytes: Option<u64>,
    #[serde(rename = "files")]
    files: usize,
    #[serde(rename = "standing")]
    sizes: FileSizes,
    #[serde(rename = "finished")]
    finished: bool,
    #[serde(rename = "tally")]
    tally: Tally,
    #[serde(rename = "rejects_bytes")]
    rejects_bytes: u64,
    #[serde(rename = "seconds")]
    seconds: f64,
}

/// The file that was being read, and what was before it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct FileSizes {
    #[serde(rename = "path")]
    path: String,
    #[serde(rename = "bytes")]
    bytes: Option<u64>,
    #[serde(rename = "bytes_before")]
    bytes_before: u64,
}

/// What is in these files beside the counts of version 4.
#[derive(Debug, Deserialize)]
pub struct Followed {
    #[serde(rename = "tally")]
    tally: FollowedTally,
}

#[derive(Debug, Deserialize)]
struct FollowedTally {
    #[serde(rename = "done")]
    done: FollowedPlace,
}

#[derive(Debug, Deserialize)]
struct FollowedPlace {
    #[serde(rename = "inode")]
    inode: u64,
}

/// What these versions know of the files.
#[derive(Debug, Clone)]
pub struct Standing {
    sizes: FileSizes,
    input_bytes: Option<u64>,
    files: usize,
    /// Which file was followed; else 0.
    inode: u64,
}

impl StateOfV3 {
    /// Splits the state into that of the current version and what it knows of the files.
    pub fn split(self, followed: &Followed) -> (State, Standing) {
        let Self { subject, input_bytes, files, sizes, finished, tally, rejects_bytes, seconds } = self;
        let state = State {
            version: VERSION,
            subject,
            finished,
            tally,
            finished_files: Arc::default(),
            current_file: None,
            rejects_bytes,
            seconds,
        };
        (state, Standing { sizes, input_bytes, files, inode: followed.tally.done.inode })
    }
}

impl Standing {
    /// Finds where to go on by the sizes of the files, as the builds did that wrote it.
    ///
    /// # Errors
    /// If the files before that place have other names or sizes.
    pub fn find_start(
        &self,
        sources: &[Source],
        done: InputPosition,
        is_finished: bool,
        is_followed: bool,
    ) -> anyhow::Result<Start> {
        let notices = vec![
            "the checkpoint is of an earlier build, which knew files by their sizes: what it read is taken to be unchanged"
                .to_owned(),
        ];
        if is_followed {
            let place =
                if self.is_followed_file(sources, done) { done } else { InputPosition { row: 0, offset: 0, ..done } };
            return Ok(Start { place, notices, ..Start::default() });
        }
        self.check(sources, done)?;
        let is_as_it_was = self.input_bytes == total_bytes(sources) && self.files == sources.len();
        let is_complete = is_finished && self.input_bytes.is_some() && is_as_it_was;
        let read = if is_complete { sources.len() } else { done.file };
        let finished = sources.iter().take(read).map(record_whole).collect::<anyhow::Result<_>>()?;
        Ok(Start { place: done, finished, notices, is_complete, ..Start::default() })
    }

    fn is_followed_file(&self, sources: &[Source], done: InputPosition) -> bool {
        let metadata = sources.first().and_then(|source| std::fs::metadata(&source.path).ok());
        metadata.is_some_and(|now| [0, now.ino()].contains(&self.inode) && now.len() >= done.offset)
    }

    /// Checks that what was read is still there.
    fn check(&self, sources: &[Source], done: InputPosition) -> anyhow::Result<()> {
        let FileSizes { path, bytes, bytes_before } = &self.sizes;
        let now = FileSizes::at(sources, done.file);
        let is_there = now.path == *path && now.bytes_before == *bytes_before;
        ensure!(
            is_there,
            "the files up to {path} are no longer what they were, so lines would be lost or doubled; {REMEDY}"
        );
        if let (Some(then), Some(now)) = (*bytes, now.bytes) {
            let is_whole = sources.get(done.file).is_some_and(|source| source.format == Format::Parquet);
            let then = then.max(done.offset);
            let is_same = if is_whole { now == then } else { now >= then };
            ensure!(is_same, "the input had {then} bytes and has {now} now, so it is another one; {REMEDY}");
        }
        Ok(())
    }
}

impl FileSizes {
    fn at(sources: &[Source], file: usize) -> Self {
        let bytes_before = sources.iter().take(file).filter_map(|source| source.bytes).sum();
        match sources.get(file) {
            Some(source) => Self { path: whole_path(&source.path), bytes: source.bytes, bytes_before },
            None => Self { bytes_before, ..Self::default() },
        }
    }
}
