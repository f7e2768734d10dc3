//! The progress through an input.

use serde::{Deserialize, Serialize};

use super::content_digest::ContentDigest;

/// Progress through an input: everything before this position was read.
// Stored in checkpoints: the serialized names are pinned and must not follow renames of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// Lines or rows read, over all files; the unit of `--skip`.
    #[serde(rename = "lines")]
    pub lines: u64,
    /// Bytes read, over all files.
    #[serde(rename = "bytes")]
    pub bytes: u64,
    /// Index of the current file, from 0.
    #[serde(rename = "file")]
    pub file: usize,
    /// Lines or rows read in the current file.
    #[serde(rename = "row")]
    pub row: u64,
    /// Byte offset of the next record in the decompressed and decoded content; 0 if the input can't be resumed by offset.
    #[serde(rename = "offset")]
    pub offset: u64,
    /// Digest of the content up to `offset`, computed only with a checkpoint; for Parquet, of the whole file.
    #[serde(rename = "digest", default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<ContentDigest>,
}
