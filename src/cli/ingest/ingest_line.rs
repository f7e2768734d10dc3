//! A line or row of the input, from the reader to its result.

use std::sync::Arc;

use bytes::Bytes;

use super::input_file::InputFile;
use super::input_position::InputPosition;
use crate::proto::ItemError;

/// A line or row of this run's shard; blank lines are skipped by the reader.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestLine {
    /// Progress through the input after this line.
    pub position: InputPosition,
    /// File of the line; its name is empty if the line is not from a file.
    pub file: Arc<InputFile>,
    /// Number in the file, from 1, for messages and the rejects file: of the first line of the record, or of the row.
    pub number: u64,
    /// Number of lines of other shards directly before this line.
    pub other_shard_lines: u64,
    /// Original bytes in their original encoding, for the rejects file; `None` if the record is too long to keep.
    pub raw_bytes: Option<Vec<u8>>,
    /// Encoded `Document` message, or the error if the line is invalid.
    pub document: Result<Bytes, ItemError>,
}

impl IngestLine {
    /// Returns the larger of the original and the encoded size, in bytes, to limit the size of batches.
    pub fn size_bytes(&self) -> usize {
        let text = self.raw_bytes.as_ref().map_or(0, Vec::len);
        text.max(self.document.as_ref().map_or(0, Bytes::len))
    }
}
