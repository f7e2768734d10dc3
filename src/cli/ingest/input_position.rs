//! How far an input is read.

use serde::{Deserialize, Serialize};

use super::content_digest::ContentDigest;

/// How far an input is read.
// Checkpoints hold it: the names are part of their format, whatever the fields are called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// Lines, or rows, of all its files: what `--skip` counts.
    #[serde(rename = "lines")]
    pub lines: u64,
    /// Bytes of all its files.
    #[serde(rename = "bytes")]
    pub bytes: u64,
    /// The file that is being read, from 0.
    #[serde(rename = "file")]
    pub file: usize,
    /// Lines, or rows, of that file.
    #[serde(rename = "row")]
    pub row: u64,
    /// Where the next record begins in the file's content, unpacked and decoded; 0 where no place in it can be sought.
    #[serde(rename = "offset")]
    pub offset: u64,
    /// The digest of the content up to there, where a checkpoint is kept. Of Parquet, that of the whole file.
    #[serde(rename = "digest", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ContentDigest>,
}
