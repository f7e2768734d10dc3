//! The identity of an input file, and the record of what was read from it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content_digest::ContentDigest;
use super::input_position::InputPosition;

/// An input file that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputFile {
    /// Name for messages and the rejects file.
    pub name: String,
    /// Absolute path, independent of the working directory; `-` for standard input.
    pub path: String,
    /// Device number of the file at that path; 0 if it is not a file on disk.
    pub device: u64,
    /// Inode number of the file at that path; 0 if it is not a file on disk.
    pub inode: u64,
}

/// Record of the part of a file that was read.
// Stored in checkpoints: the serialized names are pinned and must not follow renames of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    #[serde(rename = "path")]
    pub path: String,
    #[serde(rename = "device")]
    pub device: u64,
    #[serde(rename = "inode")]
    pub inode: u64,
    /// Lines, rows or array elements that were read.
    #[serde(rename = "rows")]
    pub rows: u64,
    /// Bytes of decompressed and decoded content that were read; 0 for Parquet, which is compared as a whole.
    #[serde(rename = "bytes")]
    pub bytes: u64,
    /// Digest of these bytes; for Parquet, of the whole file.
    #[serde(rename = "digest", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ContentDigest>,
    /// Start of the last record, if it was read without a line ending. If the file grows, the record is read again
    /// from here.
    #[serde(rename = "last_record", default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<RecordStart>,
}

/// Start position of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStart {
    #[serde(rename = "rows")]
    pub rows: u64,
    #[serde(rename = "bytes")]
    pub bytes: u64,
    #[serde(rename = "digest", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ContentDigest>,
}

impl From<InputPosition> for RecordStart {
    fn from(position: InputPosition) -> Self {
        Self { rows: position.row, bytes: position.offset, digest: position.digest }
    }
}

impl InputFile {
    /// Creates the description of the file that is currently at a path.
    pub fn from_path(path: &Path, name: &str) -> Self {
        let metadata = std::fs::metadata(path).ok();
        let (device, inode) = metadata.map(|metadata| (metadata.dev(), metadata.ino())).unwrap_or_default();
        Self { name: name.to_owned(), path: canonicalize_path(path), device, inode }
    }

    /// Returns the record of what was read up to a position.
    pub fn to_record(&self, position: InputPosition) -> FileRecord {
        let Self { path, device, inode, .. } = self;
        let InputPosition { row, offset, digest, .. } = position;
        let (path, last_record) = (path.clone(), None);
        FileRecord { path, device: *device, inode: *inode, rows: row, bytes: offset, digest, last_record }
    }
}

/// Returns the absolute path of a file with symbolic links resolved; a path that can't be resolved, such as a pipe, is returned
/// unchanged.
pub fn canonicalize_path(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
