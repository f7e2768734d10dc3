//! Read position within one file.

use super::content_reader::ContentReader;
use crate::cli::ingest::content_digest::ContentDigest;

/// Read position within one file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilePosition {
    pub rows: u64,
    /// Content offset of the next record; 0 for formats without byte offsets.
    pub offset: u64,
    /// Number of bytes read from the file on disk.
    pub disk_bytes: u64,
    /// Digest of the content before `offset`, if checkpoints need one.
    pub digest: Option<ContentDigest>,
}

impl FilePosition {
    /// Returns the position of a content reader after `rows` rows.
    pub fn new(rows: u64, content: &ContentReader) -> Self {
        Self { rows, offset: content.offset(), disk_bytes: content.disk_bytes_read(), digest: content.digest() }
    }
}
