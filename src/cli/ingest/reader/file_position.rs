//! How far a file is read.

use super::content_reader::ContentReader;
use crate::cli::ingest::content_digest::ContentDigest;

/// How far a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilePosition {
    pub rows: u64,
    /// Where the next record begins in the content; 0 where no place can be sought.
    pub offset: u64,
    /// Of the file as it is on the disk.
    pub disk_bytes: u64,
    /// The digest of the content up to there, if it is needed.
    pub digest: Option<ContentDigest>,
}

impl FilePosition {
    /// Returns the position of content, after so many rows.
    pub fn new(rows: u64, content: &ContentReader) -> Self {
        Self { rows, offset: content.offset(), disk_bytes: content.disk_bytes_read(), digest: content.digest() }
    }
}
