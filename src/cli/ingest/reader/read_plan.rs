//! How the input is read.

use super::byte_stream::TextEncoding;
use super::csv::CsvDialect;
use super::follow::FollowControl;
use crate::cli::ingest::mapping::FieldMapping;
use crate::cli::ingest::shard::ShardFilter;

/// What is made of the lines, and of which ones.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    pub mapping: FieldMapping,
    pub dialect: CsvDialect,
    /// Character encoding of text inputs.
    pub encoding: TextEncoding,
    pub shard_filter: ShardFilter,
    /// How a file that grows is followed; `None` to end where it ends.
    pub follow: Option<FollowControl>,
    /// Whether a checkpoint keeps the place, so that a later run may go on.
    pub has_checkpoint: bool,
    /// Whether a last record without an end is taken as it is.
    pub is_final: bool,
}

impl ReadPlan {
    /// Tells whether a last record without an end is left to a later run.
    pub fn should_hold_back(&self) -> bool {
        self.should_track_position() && !self.is_final
    }

    /// Tells whether places are compared with files, now or by a later run.
    pub fn should_track_position(&self) -> bool {
        self.has_checkpoint || self.follow.is_some()
    }
}
