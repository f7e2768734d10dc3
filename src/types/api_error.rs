//! Why a document or a call was refused: one type from the tokenizer to the client.

use std::time::Duration;

/// The longest field and message. Refusals wait in memory until their client reads them, and those of calls travel in
/// headers, of which clients take 8 KiB.
const MAX_FIELD_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 1_024;

/// A refusal: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub reason: ErrorReason,
    /// The field at fault, as a path in the request or the document; empty if none is.
    pub field: String,
    /// For people: what is wrong and what to do.
    pub message: String,
    /// When to try again, where the store or the server said so.
    pub retry_after: Option<Duration>,
    /// What programs may want to know of the reason, by constant names; see `ErrorReason` in the contract.
    pub metadata: Vec<(&'static str, String)>,
}

impl ApiError {
    /// What is too long is cut: both texts may repeat what a client or a store wrote.
    pub fn new(reason: ErrorReason, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) =
            (truncate_text(field.into(), MAX_FIELD_BYTES), truncate_text(message.into(), MAX_MESSAGE_BYTES));
        Self { reason, field, message, retry_after: None, metadata: Vec::new() }
    }

    /// Adds metadata for programs.
    #[must_use]
    pub fn with_metadata<const N: usize>(mut self, metadata: [(&'static str, &str); N]) -> Self {
        self.metadata.extend(metadata.map(|(key, value)| (key, truncate_text(value.to_owned(), MAX_FIELD_BYTES))));
        self
    }

    /// The same fault, one level up: `text` in `documents[3]` is `documents[3].text`.
    #[must_use]
    pub fn with_field_prefix(mut self, parent_field: &str) -> Self {
        self.field = match (parent_field.is_empty(), self.field.is_empty()) {
            (true, _) => self.field,
            (false, true) => parent_field.to_owned(),
            (false, false) => format!("{parent_field}.{}", self.field),
        };
        self
    }
}

fn truncate_text(mut text: String, max_bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes - ELLIPSIS.len_utf8()));
        text.push(ELLIPSIS);
    }
    text
}

/// The kinds of refusal. Each is a constant in the API, a label in the metrics and one canonical code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorReason {
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
    /// The stream was silent for too long, or its client took no results for too long.
    StreamIdle,
    /// The call carries no token, or a wrong one.
    Unauthenticated,
    /// The call is there for clients that know it, and does nothing.
    Unimplemented,
    /// The server is not ready yet.
    Starting,
    /// The server is stopping.
    ShuttingDown,
    /// A defect of the service or of the store.
    Internal,
    /// There is a collection of that name.
    CollectionExists,
    /// The collection was deleted and created again.
    IncarnationMismatch,
    /// The model can't encode the text, and will not.
    EncodingFailed,
}

impl ErrorReason {
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
            Self::StreamIdle => "STREAM_IDLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Starting => "STARTING",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Internal => "INTERNAL",
            Self::CollectionExists => "COLLECTION_EXISTS",
            Self::IncarnationMismatch => "INCARNATION_MISMATCH",
            Self::EncodingFailed => "ENCODING_FAILED",
        }
    }

    /// Returns whether the item itself must change before it is sent again. Otherwise the same item can succeed later:
    /// after a while, or after somebody has repaired what is wrong.
    pub const fn is_item_error(self) -> bool {
        match self {
            Self::InvalidArgument
            | Self::MalformedDocument
            | Self::EmptyText
            | Self::TextTooLong
            | Self::InvalidVector
            | Self::UnknownModel
            | Self::DocumentNotFound
            | Self::StoreRefused
            | Self::Unauthenticated
            | Self::Unimplemented
            | Self::CollectionExists
            | Self::EncodingFailed => true,
            Self::CollectionNotFound
            | Self::FingerprintMismatch
            | Self::IncompatibleCollection
            | Self::IncarnationMismatch
            | Self::StoreUnavailable
            | Self::Overloaded
            | Self::Cancelled
            | Self::StreamIdle
            | Self::Starting
            | Self::ShuttingDown
            | Self::Internal => false,
        }
    }

    /// Returns whether sending the same again can succeed without anybody's help.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::StoreUnavailable
            | Self::Overloaded
            | Self::Cancelled
            | Self::StreamIdle
            | Self::Starting
            | Self::ShuttingDown
            | Self::Internal => true,
            Self::InvalidArgument
            | Self::MalformedDocument
            | Self::EmptyText
            | Self::TextTooLong
            | Self::InvalidVector
            | Self::UnknownModel
            | Self::CollectionNotFound
            | Self::DocumentNotFound
            | Self::FingerprintMismatch
            | Self::IncompatibleCollection
            | Self::StoreRefused
            | Self::Unauthenticated
            | Self::Unimplemented
            | Self::CollectionExists
            | Self::IncarnationMismatch
            | Self::EncodingFailed => false,
        }
    }

    /// Every reason.
    pub const ALL: [Self; 23] = [
        Self::InvalidArgument,
        Self::MalformedDocument,
        Self::EmptyText,
        Self::TextTooLong,
        Self::InvalidVector,
        Self::UnknownModel,
        Self::CollectionNotFound,
        Self::DocumentNotFound,
        Self::FingerprintMismatch,
        Self::IncompatibleCollection,
        Self::StoreRefused,
        Self::StoreUnavailable,
        Self::Overloaded,
        Self::Cancelled,
        Self::StreamIdle,
        Self::Unauthenticated,
        Self::Unimplemented,
        Self::Starting,
        Self::ShuttingDown,
        Self::Internal,
        Self::CollectionExists,
        Self::IncarnationMismatch,
        Self::EncodingFailed,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let fault = ApiError::new(ErrorReason::InvalidVector, "é".repeat(500), "é".repeat(5_000));
        assert!(fault.field.ends_with("é…") && fault.field.len() <= MAX_FIELD_BYTES);
        assert!(fault.message.ends_with("é…") && fault.message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(ApiError::new(ErrorReason::EmptyText, "text", "it is blank").message, "it is blank");
    }
}
