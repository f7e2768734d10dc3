//! The files that a run writes, and their default names.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::ensure;

use super::IngestCommand;
use crate::cli::ingest::checkpoint::IngestCheckpoint;
use crate::cli::ingest::checkpoint::settings::{self, IngestSettings};

impl IngestCommand {
    /// Returns the files that this run writes. They are excluded from the input, even inside an input directory.
    pub(super) fn output_files(&self) -> Vec<PathBuf> {
        let checkpoint = self.checkpoint.iter();
        // The lock file of a run, and the new version that replaces the checkpoint atomically.
        let companion_files =
            checkpoint.clone().flat_map(|path| ["lock", "new"].map(|ending| path.with_added_extension(ending)));
        checkpoint.cloned().chain(companion_files).chain([self.rejects_path()]).collect()
    }

    /// Opens or creates the checkpoint, if one is configured.
    pub(super) async fn open_checkpoint(&self) -> anyhow::Result<Option<IngestCheckpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        ensure!(*path != self.rejects_path(), "--checkpoint and --rejects are the same file; use different files");
        IngestCheckpoint::open(path, self.checkpoint_settings()).await.map(Some)
    }

    /// Returns the settings that a checkpoint records: those that determine the documents and their destination.
    pub(in crate::cli::ingest) fn checkpoint_settings(&self) -> IngestSettings {
        let run_settings = [(settings::COLLECTION, self.collection.clone()), (settings::SHARD, self.shard.to_string())];
        IngestSettings::new(self.input.settings().into_iter().chain(run_settings))
    }

    /// Returns the path of the rejects file. The default contains the shard, because shards may run at the same time.
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
