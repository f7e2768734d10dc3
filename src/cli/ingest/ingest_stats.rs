//! Counts of a run.

use serde::{Deserialize, Serialize};

use super::ingest_line::IngestLine;
use super::input_position::InputPosition;
use crate::proto::{ItemError, OperationResult, OperationStatus};

/// Counts of a run, up to a position in its input.
// Stored in checkpoints: the serialized names are pinned and must not follow renames of the fields. New fields need
// `#[serde(default)]`, so that older checkpoints stay readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IngestStats {
    #[serde(rename = "indexed")]
    pub indexed: u64,
    /// Documents whose stored points were left unchanged.
    #[serde(rename = "unchanged")]
    pub unchanged: u64,
    #[serde(rename = "rejected")]
    pub rejected: u64,
    #[serde(rename = "truncated")]
    pub truncated: u64,
    /// Encoded windows: one per document, more for long texts that are split into windows.
    #[serde(rename = "windows")]
    pub windows: u64,
    #[serde(rename = "tokens")]
    pub tokens: u64,
    #[serde(rename = "terms")]
    pub terms: u64,
    #[serde(rename = "pruned_terms")]
    pub pruned_terms: u64,
    /// Lines of other shards.
    #[serde(rename = "other_shards")]
    pub other_shards: u64,
    /// End of the acknowledged input: every line before it has its final result.
    #[serde(rename = "done")]
    pub position: InputPosition,
    /// Sequence number up to which every document of this run has a final result, as reported by the server.
    #[serde(skip)]
    pub durable_through: u64,
    /// Streams of this run that replaced a failed one.
    #[serde(skip)]
    pub reconnects: u64,
}

impl IngestStats {
    /// Creates the counts of a run that skips the first lines.
    pub fn starting_after(lines: u64) -> Self {
        Self { position: InputPosition { lines, ..InputPosition::default() }, ..Self::default() }
    }

    /// Replaces the position.
    pub fn with_position(self, position: InputPosition) -> Self {
        Self { position, ..self }
    }

    /// Returns the number of documents with a result, rejected ones included.
    pub fn document_count(&self) -> u64 {
        self.indexed + self.unchanged + self.rejected
    }

    /// Counts a line with its final result. Returns the error if the line is rejected.
    pub fn count_result(&mut self, line: &IngestLine, result: OperationResult) -> Option<ItemError> {
        self.position = line.position;
        self.other_shards += line.other_shard_lines;
        let stats = result.stats.unwrap_or_default();
        self.windows += to_u64(stats.window_count);
        self.tokens += to_u64(stats.token_count);
        self.terms += to_u64(stats.term_count);
        self.pruned_terms += to_u64(stats.pruned_term_count);
        self.truncated += u64::from(stats.truncated);
        match result.status() {
            OperationStatus::Indexed => self.indexed += 1,
            // Nothing was written in both cases: a superseded document was replaced by a later one with the same id.
            OperationStatus::Unchanged | OperationStatus::Superseded => self.unchanged += 1,
            _ => {
                self.rejected += 1;
                return Some(result.error.unwrap_or_default());
            }
        }
        None
    }
}

/// Converts a count of the API, which is never negative, although protobuf declares it as signed.
fn to_u64(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
