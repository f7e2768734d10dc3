//! Operations of a client, and what becomes of them.

use crate::types::{ApiError, Document, DocumentId, PruningStats};

/// A change of one document.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentChange {
    /// Encode it and store it, in place of the document of its id.
    Upsert(Document),
    /// Delete the document of this id; with a version, only if the stored one is older or has none.
    Delete { id: DocumentId, version: Option<i64> },
}

impl DocumentChange {
    /// Returns the id of its document.
    pub fn id(&self) -> &DocumentId {
        match self {
            Self::Upsert(document) => &document.id,
            Self::Delete { id, .. } => id,
        }
    }
}

/// An operation as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Its bytes on the wire.
    pub bytes: usize,
    /// Its position at its source; empty if it has none.
    pub position: String,
    pub change: Result<DocumentChange, InvalidOperation>,
}

/// Which operation of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationKey {
    /// Its number, from the first sequence of its stream.
    pub sequence: u64,
    /// Its document's id; `None` if it could not be read.
    pub id: Option<DocumentId>,
    /// Its position at its source; empty if it has none.
    pub position: String,
}

/// What an operation did to its document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OperationOutcome {
    /// The store confirmed the write.
    Indexed(IndexingStats),
    /// It was stored already, as it would be stored again.
    Unchanged,
    /// The store confirmed that it is deleted.
    Deleted,
    /// The store has a version of it that is not older, and keeps that.
    Superseded,
}

/// An indexed document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexingStats {
    /// Tokens that were encoded, special ones included; over all windows.
    pub tokens: usize,
    /// Windows that were encoded.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    /// Terms of its vector.
    pub terms: usize,
    pub pruned: PruningStats,
}

/// An operation that can't be applied, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidOperation {
    pub id: Option<DocumentId>,
    pub error: ApiError,
}
