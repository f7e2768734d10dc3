//! A line, or row, on its way to the server.

use std::sync::Arc;

use bytes::Bytes;

use super::input_file::InputFile;
use super::input_position::InputPosition;
use crate::proto::ItemError;

/// A line, or row, of this run's shard that isn't blank.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestLine {
    /// How far the input is read with it.
    pub position: InputPosition,
    /// The file that it is in; without a name for what is in none.
    pub file: Arc<InputFile>,
    /// The number by which a person finds it there, from 1: of its first line, or of its row.
    pub number: u64,
    /// How many lines of other shards came just before it.
    pub other_shard_lines: u64,
    /// Bytes as they were, in whatever encoding, for the reject file; `None` for one that is too long to be kept.
    pub raw_bytes: Option<Vec<u8>>,
    /// What it stands for: an encoded document, or the reason why there is none.
    pub document: Result<Bytes, ItemError>,
}

impl IngestLine {
    /// The memory that it takes, or the space in a message, whichever is more.
    pub fn size_bytes(&self) -> usize {
        let text = self.raw_bytes.as_ref().map_or(0, Vec::len);
        text.max(self.document.as_ref().map_or(0, Bytes::len))
    }
}
