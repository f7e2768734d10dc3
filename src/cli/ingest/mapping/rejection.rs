//! Errors with which a record is rejected before it is sent.

use prost::Message;
use tonic::Code;

use crate::proto::{Document, ItemError};
use crate::types::ErrorReason;

/// Maximum size of an encoded document: 1 MiB below the server's limit for a message.
pub const MAX_DOCUMENT_BYTES: usize = 31 << 20;

/// Error for bytes that are invalid in the encoding of the file.
pub const NOT_UTF8: &str = "it is not UTF-8, or is invalid in the encoding of --encoding; set the encoding of the file, \
                            such as --encoding windows-1252, or correct the bytes";

/// Encodes a document as a protobuf message.
///
/// # Errors
/// If the message is larger than [`MAX_DOCUMENT_BYTES`].
pub fn encode_document(document: &Document) -> Result<Vec<u8>, ItemError> {
    let bytes = document.encode_to_vec();
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(reject_too_long(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Returns the error for an invalid record; `field` is empty if it concerns the whole record.
pub fn reject_malformed(field: &str, message: impl Into<String>) -> ItemError {
    ItemError {
        code: Code::InvalidArgument as i32,
        reason: ErrorReason::MalformedDocument.as_str().to_owned(),
        field: field.to_owned(),
        message: message.into(),
        retry_delay: None,
    }
}

/// Returns the error for a record that is too large to send.
pub fn reject_too_long(bytes: u64) -> ItemError {
    let message =
        format!("the document is too large: {bytes} bytes; split it into documents with at most 1 MiB of text");
    ItemError { reason: ErrorReason::TextTooLong.as_str().to_owned(), ..reject_malformed("", message) }
}
