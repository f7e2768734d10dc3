//! Checkpoints of versions 2 and 3, which identify files by path and size.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use anyhow::ensure;
use serde::Deserialize;

use super::settings::IngestSettings;
use super::state::{CheckpointState, REMEDY, VERSION};
use crate::cli::ingest::ingest_stats::IngestStats;
use crate::cli::ingest::input_file::canonicalize_path;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::InputFormat;
use crate::cli::ingest::reader::file_change::build_full_record;
use crate::cli::ingest::reader::paths::{InputSource, sum_source_bytes};
use crate::cli::ingest::reader::resume::ResumePoint;

/// State of a version 2 or 3 file.
#[derive(Debug, Deserialize)]
pub struct StateV3 {
    #[serde(rename = "subject")]
    settings: IngestSettings,
    #[serde(rename = "input_bytes")]
    input_bytes: Option<u64>,
    #[serde(rename = "files")]
    files: usize,
    #[serde(rename = "standing")]
    sizes: FileSizes,
    #[serde(rename = "finished")]
    is_finished: bool,
    #[serde(rename = "tally")]
    stats: IngestStats,
    #[serde(rename = "rejects_bytes")]
    rejects_bytes: u64,
    #[serde(rename = "seconds")]
    elapsed_seconds: f64,
}

/// Path and size of the file that was being read, and the total size of the files before it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct FileSizes {
    #[serde(rename = "path")]
    path: String,
    #[serde(rename = "bytes")]
    bytes: Option<u64>,
    #[serde(rename = "bytes_before")]
    bytes_before: u64,
}

/// Fields of a version 2 or 3 file that version 4 does not have.
#[derive(Debug, Deserialize)]
pub struct FollowStateV3 {
    #[serde(rename = "tally")]
    stats: FollowStatsV3,
}

#[derive(Debug, Deserialize)]
struct FollowStatsV3 {
    #[serde(rename = "done")]
    position: FollowPositionV3,
}

#[derive(Debug, Deserialize)]
struct FollowPositionV3 {
    #[serde(rename = "inode")]
    inode: u64,
}

/// Paths and sizes of the input files as recorded by versions 2 and 3.
#[derive(Debug, Clone)]
pub struct LegacyFiles {
    sizes: FileSizes,
    input_bytes: Option<u64>,
    files: usize,
    /// Inode of the followed file; 0 without `--follow`.
    inode: u64,
}

impl StateV3 {
    /// Converts to the state of the current version and the recorded file sizes.
    pub fn into_parts(self, follow_state: &FollowStateV3) -> (CheckpointState, LegacyFiles) {
        let Self { settings, input_bytes, files, sizes, is_finished, stats, rejects_bytes, elapsed_seconds } = self;
        let state = CheckpointState {
            version: VERSION,
            settings,
            is_finished,
            stats,
            finished_files: Arc::default(),
            current_file: None,
            rejects_bytes,
            elapsed_seconds,
        };
        (state, LegacyFiles { sizes, input_bytes, files, inode: follow_state.stats.position.inode })
    }
}

impl LegacyFiles {
    /// Returns where to resume, by comparing file sizes as the builds that wrote these versions did.
    ///
    /// # Errors
    /// If the names or sizes of the files up to `position` changed.
    pub fn find_start(
        &self,
        sources: &[InputSource],
        position: InputPosition,
        is_finished: bool,
        is_followed: bool,
    ) -> anyhow::Result<ResumePoint> {
        let notices = vec![
            "the checkpoint is from an earlier build, which identified files by size: the part that was read is assumed to be \
             unchanged"
                .to_owned(),
        ];
        if is_followed {
            let position = if self.is_followed_file(sources, position) {
                position
            } else {
                InputPosition { row: 0, offset: 0, ..position }
            };
            return Ok(ResumePoint { position, notices, ..ResumePoint::default() });
        }
        self.check(sources, position)?;
        let is_unchanged = self.input_bytes == sum_source_bytes(sources) && self.files == sources.len();
        let is_complete = is_finished && self.input_bytes.is_some() && is_unchanged;
        let finished_count = if is_complete { sources.len() } else { position.file };
        let finished = sources.iter().take(finished_count).map(build_full_record).collect::<anyhow::Result<_>>()?;
        Ok(ResumePoint { position, finished_files: finished, notices, is_complete, ..ResumePoint::default() })
    }

    fn is_followed_file(&self, sources: &[InputSource], position: InputPosition) -> bool {
        let metadata = sources.first().and_then(|source| std::fs::metadata(&source.path).ok());
        metadata.is_some_and(|now| [0, now.ino()].contains(&self.inode) && now.len() >= position.offset)
    }

    /// Checks that the files that were read have not changed, as far as their names and sizes show.
    fn check(&self, sources: &[InputSource], position: InputPosition) -> anyhow::Result<()> {
        let FileSizes { path, bytes, bytes_before } = &self.sizes;
        let current = FileSizes::for_file(sources, position.file);
        let is_same_file = current.path == *path && current.bytes_before == *bytes_before;
        ensure!(is_same_file, "the files up to {path} have changed, so lines would be lost or duplicated; {REMEDY}");
        if let (Some(previous_bytes), Some(current_bytes)) = (*bytes, current.bytes) {
            let must_match_exactly =
                sources.get(position.file).is_some_and(|source| source.format == InputFormat::Parquet);
            let previous_bytes = previous_bytes.max(position.offset);
            let is_same =
                if must_match_exactly { current_bytes == previous_bytes } else { current_bytes >= previous_bytes };
            ensure!(
                is_same,
                "the input was replaced: it had {previous_bytes} bytes and has {current_bytes} now; {REMEDY}"
            );
        }
        Ok(())
    }
}

impl FileSizes {
    fn for_file(sources: &[InputSource], file: usize) -> Self {
        let bytes_before = sources.iter().take(file).filter_map(|source| source.bytes).sum();
        match sources.get(file) {
            Some(source) => Self { path: canonicalize_path(&source.path), bytes: source.bytes, bytes_before },
            None => Self { bytes_before, ..Self::default() },
        }
    }
}
