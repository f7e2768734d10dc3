//! Operations of a client, and their results.

use crate::types::{ApiError, Document, DocumentId, PruningStats};

/// Change of one document.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentChange {
    /// Encode and store the document, replacing any document with the same id.
    Upsert(Document),
    /// Delete the document with this id. With a version, delete it only if the stored version is older or missing.
    Delete { id: DocumentId, version: Option<i64> },
}

impl DocumentChange {
    /// Returns the id of the document.
    pub fn id(&self) -> &DocumentId {
        match self {
            Self::Upsert(document) => &document.id,
            Self::Delete { id, .. } => id,
        }
    }
}

/// Operation as read from a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Size on the wire, in bytes.
    pub bytes: usize,
    /// Position in the client's source; empty if it has none.
    pub position: String,
    pub change: Result<DocumentChange, InvalidOperation>,
}

/// Identity of an operation in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationKey {
    /// Sequence number.
    pub sequence: u64,
    /// Document id; `None` if it could not be parsed.
    pub id: Option<DocumentId>,
    /// Position in the client's source; empty if it has none.
    pub position: String,
}

/// Successful result of an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OperationOutcome {
    /// Document was written, confirmed by the store.
    Indexed(IndexingStats),
    /// Document was skipped because its stored point would not change.
    Unchanged,
    /// Document was deleted, confirmed by the store.
    Deleted,
    /// Operation was not applied because the stored version is equal or newer.
    Superseded,
}

/// Statistics of an indexed document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexingStats {
    /// Number of encoded tokens, including special tokens, over all windows.
    pub tokens: usize,
    /// Number of encoded windows.
    pub windows: usize,
    /// Set if the text was truncated to the model's maximum length.
    pub truncated: bool,
    /// Number of terms in the vector.
    pub terms: usize,
    pub pruned: PruningStats,
}

/// Operation that can't be applied, with its id if it could be parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidOperation {
    pub id: Option<DocumentId>,
    pub error: ApiError,
}
