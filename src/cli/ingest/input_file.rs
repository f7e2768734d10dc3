//! What tells a file of the input from others, and what was read of it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content_digest::ContentDigest;
use super::input_position::InputPosition;

/// A file that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputFile {
    /// As messages and the rejects file call it.
    pub name: String,
    /// Its whole path, the same wherever the command is given; `-` for standard input.
    pub path: String,
    /// Which file had that path. 0 where it is none on a disk.
    pub device: u64,
    pub inode: u64,
}

/// What was read of a file.
// Checkpoints hold it: the names are part of their format, whatever the fields are called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    #[serde(rename = "path")]
    pub path: String,
    #[serde(rename = "device")]
    pub device: u64,
    #[serde(rename = "inode")]
    pub inode: u64,
    /// Lines, rows or elements.
    #[serde(rename = "rows")]
    pub rows: u64,
    /// Bytes of its content, unpacked and decoded; 0 for Parquet, which is read as a whole.
    #[serde(rename = "bytes")]
    pub bytes: u64,
    /// The digest of these bytes; of Parquet, that of the whole file.
    #[serde(rename = "digest", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ContentDigest>,
    /// Where its last record begins, if that has no end and was taken as it is. If the file grows, the record is another one.
    #[serde(rename = "last_record", default, skip_serializing_if = "Option::is_none")]
    pub last_record: Option<RecordStart>,
}

/// Where a record begins.
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
    /// Describes the file that has a path now.
    pub fn from_path(path: &Path, name: &str) -> Self {
        let metadata = std::fs::metadata(path).ok();
        let (device, inode) = metadata.map(|metadata| (metadata.dev(), metadata.ino())).unwrap_or_default();
        Self { name: name.to_owned(), path: canonicalize_path(path), device, inode }
    }

    /// Returns what was read of the file up to a place.
    pub fn to_record(&self, position: InputPosition) -> FileRecord {
        let Self { path, device, inode, .. } = self;
        let InputPosition { row, offset, digest, .. } = position;
        let (path, last_record) = (path.clone(), None);
        FileRecord { path, device: *device, inode: *inode, rows: row, bytes: offset, digest, last_record }
    }
}

/// Returns the path of a file from the root on, without links; what has none, such as a pipe, keeps its own.
pub fn canonicalize_path(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
