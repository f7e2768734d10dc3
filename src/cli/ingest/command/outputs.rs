//! The files that a run writes.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::ensure;

use super::Ingest;
use crate::cli::ingest::checkpoint::Checkpoint;
use crate::cli::ingest::checkpoint::subject::{self, Subject};

impl Ingest {
    /// The files that this run writes: they are no input, even if they lie in a folder that is.
    pub(super) fn own_files(&self) -> Vec<PathBuf> {
        let checkpoint = self.checkpoint.iter();
        let beside =
            checkpoint.clone().flat_map(|path| ["lock", "new"].map(|ending| path.with_added_extension(ending)));
        checkpoint.cloned().chain(beside).chain([self.rejects_path()]).collect()
    }

    pub(super) async fn open_checkpoint(&self) -> anyhow::Result<Option<Checkpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        ensure!(*path != self.rejects_path(), "--checkpoint and --rejects name the same file; name two");
        Checkpoint::open(path, self.subject()).await.map(Some)
    }

    /// What a checkpoint is about: the settings that decide which documents there are, and where they go.
    pub(in crate::cli::ingest) fn subject(&self) -> Subject {
        let own = [(subject::COLLECTION, self.collection.clone()), (subject::SHARD, self.shard.to_string())];
        Subject::new(self.input.settings().into_iter().chain(own))
    }

    /// Each shard has a file of its own: they may run at once.
    pub(super) fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| {
            let mut name = OsString::new();
            if let Some(stem) = self.input.stem() {
                name.push(stem);
                name.push(".");
            }
            if !self.shard.is_whole() {
                name.push(self.shard.in_file_name());
                name.push(".");
            }
            name.push("rejects.jsonl");
            name.into()
        })
    }
}
