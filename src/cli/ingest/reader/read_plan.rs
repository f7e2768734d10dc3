//! Settings of reading the input.

use super::byte_stream::TextEncoding;
use super::csv::CsvDialect;
use super::follow::FollowControl;
use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::shard::ShardFilter;

/// Settings of reading the input: field mapping, CSV dialect, encoding, shard and following.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    pub mapping: FieldMapping,
    pub dialect: CsvDialect,
    /// Character encoding of text inputs.
    pub encoding: TextEncoding,
    pub shard_filter: ShardFilter,
    /// Settings of following a growing file; `None` to stop at the end of the file.
    pub follow: Option<FollowControl>,
    /// True if a checkpoint stores the position, so that a later run can resume.
    pub has_checkpoint: bool,
    /// True if an unterminated last record is ingested instead of held back (`--final`).
    pub is_final: bool,
}

impl ReadPlan {
    /// Returns whether an unterminated last record is held back for a later run.
    pub fn should_hold_back(&self) -> bool {
        self.should_track_position() && !self.is_final
    }

    /// Returns whether positions and digests are tracked, for this run or a later one.
    pub fn should_track_position(&self) -> bool {
        self.has_checkpoint || self.follow.is_some()
    }
}
