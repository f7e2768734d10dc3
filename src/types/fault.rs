//! Why a document or a call was refused: one type from the tokenizer to the client.

use std::time::Duration;

/// A refusal: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub reason: Reason,
    /// The field at fault, as a path in the request or the document; empty if none is.
    pub field: String,
    /// For people: what is wrong and what to do.
    pub message: String,
    /// When to try again, where the store or the server said so.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: message.into(), retry_after: None }
    }

    /// The same fault, one level up: `text` in `documents[3]` is `documents[3].text`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = match (parent.is_empty(), self.field.is_empty()) {
            (true, _) => self.field,
            (false, true) => parent.to_owned(),
            (false, false) => format!("{parent}.{}", self.field),
        };
        self
    }
}

/// The kinds of refusal. Each is a constant in the API, a label in the metrics and one canonical code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A field is missing or out of its bounds.
    InvalidArgument,
    /// The document's bytes are no document.
    MalformedDocument,
    /// The text is empty or blank.
    EmptyText,
    /// The text has more bytes or more tokens than are taken.
    TextTooLong,
    /// A dense vector is unknown to the collection, of the wrong size, or not finite.
    InvalidVector,
    /// No model has that name.
    UnknownModel,
    /// No collection has that name.
    CollectionNotFound,
    /// No document has that id.
    DocumentNotFound,
    /// The collection was written by another encoder.
    FingerprintMismatch,
    /// The collection is not one of this service's kind.
    IncompatibleCollection,
    /// The store refused the point for what it is.
    StoreRefused,
    /// The store could not be reached in the time allowed for retries.
    StoreUnavailable,
    /// There is no room for the call now.
    Overloaded,
    /// The client went away, or its deadline passed, before the work was done.
    Cancelled,
    /// The server is not ready yet.
    Starting,
    /// The server is stopping.
    ShuttingDown,
    /// A defect of the service or of the store.
    Internal,
}

impl Reason {
    /// The constant that clients and metrics see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::MalformedDocument => "MALFORMED_DOCUMENT",
            Self::EmptyText => "EMPTY_TEXT",
            Self::TextTooLong => "TEXT_TOO_LONG",
            Self::InvalidVector => "INVALID_VECTOR",
            Self::UnknownModel => "UNKNOWN_MODEL",
            Self::CollectionNotFound => "COLLECTION_NOT_FOUND",
            Self::DocumentNotFound => "DOCUMENT_NOT_FOUND",
            Self::FingerprintMismatch => "FINGERPRINT_MISMATCH",
            Self::IncompatibleCollection => "INCOMPATIBLE_COLLECTION",
            Self::StoreRefused => "STORE_REFUSED",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::Cancelled => "CANCELLED",
            Self::Starting => "STARTING",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Internal => "INTERNAL",
        }
    }
}
