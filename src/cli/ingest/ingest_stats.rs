//! The counts of a run.

use serde::{Deserialize, Serialize};

use super::ingest_line::IngestLine;
use super::input_position::InputPosition;
use crate::proto::{ItemError, OperationResult, OperationStatus};

/// Counts of a run, up to a place in its input.
// Checkpoints hold it: the names are part of their format, whatever the fields are called. A count that is added needs
// `#[serde(default)]`, so that files without it stay readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IngestStats {
    #[serde(rename = "indexed")]
    pub indexed: u64,
    /// Left as they were stored.
    #[serde(rename = "unchanged")]
    pub unchanged: u64,
    #[serde(rename = "rejected")]
    pub rejected: u64,
    #[serde(rename = "truncated")]
    pub truncated: u64,
    /// One each document, more of those that were encoded as windows.
    #[serde(rename = "windows")]
    pub windows: u64,
    #[serde(rename = "tokens")]
    pub tokens: u64,
    #[serde(rename = "terms")]
    pub terms: u64,
    #[serde(rename = "pruned_terms")]
    pub pruned_terms: u64,
    /// Lines that other shards have.
    #[serde(rename = "other_shards")]
    pub other_shards: u64,
    /// Every line of the input up to here is done with.
    #[serde(rename = "done")]
    pub position: InputPosition,
    /// The server's word: every document of this run up to this one has a final result.
    #[serde(skip)]
    pub durable_through: u64,
    /// Streams of this run that were opened after one failed.
    #[serde(skip)]
    pub reconnects: u64,
}

impl IngestStats {
    /// Of a run that leaves out the first lines.
    pub fn starting_after(lines: u64) -> Self {
        Self { position: InputPosition { lines, ..InputPosition::default() }, ..Self::default() }
    }

    /// Goes on at a place, which keeps the count of lines.
    pub fn with_position(self, position: InputPosition) -> Self {
        Self { position, ..self }
    }

    pub fn document_count(&self) -> u64 {
        self.indexed + self.unchanged + self.rejected
    }

    /// Counts a line with its final result. Returns the error, if it is rejected.
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
            // Nothing was written either way.
            OperationStatus::Unchanged | OperationStatus::Superseded => self.unchanged += 1,
            _ => {
                self.rejected += 1;
                return Some(result.error.unwrap_or_default());
            }
        }
        None
    }
}

/// A count of the contract, which is never negative.
fn to_u64(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
