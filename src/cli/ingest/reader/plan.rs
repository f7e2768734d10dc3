//! How the input is read.

use super::compressed::TextEncoding;
use super::csv::Dialect;
use super::follow::Follow;
use crate::cli::ingest::mapping::Mapping;
use crate::cli::ingest::shard::Part;

/// What is made of the lines, and of which ones.
#[derive(Debug, Clone)]
pub struct Plan {
    pub mapping: Mapping,
    pub dialect: Dialect,
    /// Character encoding of text inputs.
    pub encoding: TextEncoding,
    pub part: Part,
    /// How a file that grows is followed; `None` to end where it ends.
    pub follow: Option<Follow>,
    /// Whether a checkpoint keeps the place, so that a later run may go on.
    pub has_checkpoint: bool,
    /// Whether a last record without an end is taken as it is.
    pub is_final: bool,
}

impl Plan {
    /// Tells whether a last record without an end is left to a later run.
    pub fn holds_back(&self) -> bool {
        self.keeps_place() && !self.is_final
    }

    /// Tells whether places are compared with files, now or by a later run.
    pub fn keeps_place(&self) -> bool {
        self.has_checkpoint || self.follow.is_some()
    }
}
