//! The files that a run writes.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::ensure;

use super::IngestCommand;
use crate::cli::ingest::checkpoint::IngestCheckpoint;
use crate::cli::ingest::checkpoint::settings::{self, IngestSettings};

impl IngestCommand {
    /// The files that this run writes: they are no input, even if they lie in a folder that is.
    pub(super) fn output_files(&self) -> Vec<PathBuf> {
        let checkpoint = self.checkpoint.iter();
        let companion_files =
            checkpoint.clone().flat_map(|path| ["lock", "new"].map(|ending| path.with_added_extension(ending)));
        checkpoint.cloned().chain(companion_files).chain([self.rejects_path()]).collect()
    }

    pub(super) async fn open_checkpoint(&self) -> anyhow::Result<Option<IngestCheckpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        ensure!(*path != self.rejects_path(), "--checkpoint and --rejects name the same file; name two");
        IngestCheckpoint::open(path, self.checkpoint_settings()).await.map(Some)
    }

    /// What a checkpoint is about: the settings that decide which documents there are, and where they go.
    pub(in crate::cli::ingest) fn checkpoint_settings(&self) -> IngestSettings {
        let run_settings = [(settings::COLLECTION, self.collection.clone()), (settings::SHARD, self.shard.to_string())];
        IngestSettings::new(self.input.settings().into_iter().chain(run_settings))
    }

    /// Each shard has a file of its own: they may run at once.
    pub(super) fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| {
            let mut name = OsString::new();
            if let Some(stem) = self.input.stem() {
                name.push(stem);
                name.push(".");
            }
            if !self.shard.is_all() {
                name.push(self.shard.to_file_name_part());
                name.push(".");
            }
            name.push("rejects.jsonl");
            name.into()
        })
    }
}
