//! Error type of the API, used from the tokenizer to the client.

use std::time::Duration;

/// Maximum size of an error's field path. Errors are kept in memory until the client reads them, and errors of calls
/// travel in HTTP headers, which clients limit to 8 KiB.
const MAX_FIELD_BYTES: usize = 256;
/// Maximum size of an error's message, for the same reason.
const MAX_MESSAGE_BYTES: usize = 1_024;

/// Error that is reported to a client: what is wrong, in which field, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub reason: ErrorReason,
    /// Path of the invalid field in the request or the document; empty if no field is invalid.
    pub field: String,
    /// Human-readable description of the error and its remedy.
    pub message: String,
    /// Delay after which to retry, if the store or the server specified one.
    pub retry_after: Option<Duration>,
    /// Machine-readable details, by key; see `ErrorReason` in the API.
    pub metadata: Vec<(&'static str, String)>,
}

impl ApiError {
    /// Creates an error. Truncates long fields and messages, because both may quote input of a client or a store.
    pub fn new(reason: ErrorReason, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) =
            (truncate_text(field.into(), MAX_FIELD_BYTES), truncate_text(message.into(), MAX_MESSAGE_BYTES));
        Self { reason, field, message, retry_after: None, metadata: Vec::new() }
    }

    /// Adds machine-readable details.
    #[must_use]
    pub fn with_metadata<const N: usize>(mut self, metadata: [(&'static str, &str); N]) -> Self {
        self.metadata.extend(metadata.map(|(key, value)| (key, truncate_text(value.to_owned(), MAX_FIELD_BYTES))));
        self
    }

    /// Prefixes the field path: `text` in `documents[3]` becomes `documents[3].text`.
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

/// Reason of an error. Each reason is a constant of the API, a label value of metrics, and has one canonical gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorReason {
    /// Field is missing or invalid.
    InvalidArgument,
    /// Request or item is not a valid message, for example because a string is not UTF-8.
    MalformedDocument,
    /// Text is empty or blank, or the tokenizer leaves only special tokens of it.
    EmptyText,
    /// Text exceeds the maximum number of bytes or tokens.
    TextTooLong,
    /// Dense vector is unknown to the collection, has the wrong size, or is not finite.
    InvalidVector,
    /// Model does not exist.
    UnknownModel,
    /// Collection does not exist.
    CollectionNotFound,
    /// Document does not exist.
    DocumentNotFound,
    /// Collection was written by another model.
    FingerprintMismatch,
    /// Collection exists, but can't be used as requested.
    IncompatibleCollection,
    /// Store refused the point because of its content.
    StoreRefused,
    /// Store was unreachable or failed until the retry timeout.
    StoreUnavailable,
    /// Server is at capacity.
    Overloaded,
    /// Client disconnected, or its deadline passed, before the result.
    Cancelled,
    /// Stream was idle for too long, or its client took no results for too long.
    StreamIdle,
    /// Token is missing or invalid.
    Unauthenticated,
    /// Method, field or required feature is not implemented.
    Unimplemented,
    /// Server is starting and not ready yet.
    Starting,
    /// Server is shutting down.
    ShuttingDown,
    /// Bug of the service, or a store that is misconfigured or broken.
    Internal,
    /// Collection or alias already exists.
    CollectionExists,
    /// Collection was deleted and created again.
    IncarnationMismatch,
    /// Model can't encode the text; retrying does not help.
    EncodingFailed,
}

impl ErrorReason {
    /// Returns the constant used in the API and in metrics.
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

    /// Returns true if the item must be changed before it is sent again. Otherwise the unchanged item may succeed
    /// later, for example after the collection or the store has been repaired.
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

    /// Returns true if sending the item again may succeed without any intervention.
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

    /// All reasons.
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
    fn long_texts_are_truncated_between_characters() {
        let error = ApiError::new(ErrorReason::InvalidVector, "é".repeat(500), "é".repeat(5_000));
        assert!(error.field.ends_with("é…") && error.field.len() <= MAX_FIELD_BYTES);
        assert!(error.message.ends_with("é…") && error.message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(ApiError::new(ErrorReason::EmptyText, "text", "it is blank").message, "it is blank");
    }
}
