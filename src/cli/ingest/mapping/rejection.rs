//! Why a record is no document.

use prost::Message;
use tonic::Code;

use crate::proto::{Document, ItemError};
use crate::types::ErrorReason;

/// The longest document that is sent: one MiB below the server's limit for a message.
pub const MAX_DOCUMENT_BYTES: usize = 31 << 20;

/// What is wrong with bytes that are no text.
pub const NOT_UTF8: &str = "it is not UTF-8, nor what --encoding names; name the encoding of the file, such as --encoding \
                            windows-1252, or correct the bytes";

/// Encodes a document as it is sent.
///
/// # Errors
/// If it is too long.
pub fn encode_document(document: &Document) -> Result<Vec<u8>, ItemError> {
    let bytes = document.encode_to_vec();
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(reject_too_long(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The rejection of what is no document.
pub fn reject_malformed(field: &str, message: impl Into<String>) -> ItemError {
    ItemError {
        code: Code::InvalidArgument as i32,
        reason: ErrorReason::MalformedDocument.as_str().to_owned(),
        field: field.to_owned(),
        message: message.into(),
        retry_delay: None,
    }
}

/// The rejection of what is too long to be sent.
pub fn reject_too_long(bytes: u64) -> ItemError {
    let message = format!("{bytes} bytes are too many for one document; split it into parts of at most 1 MiB of text");
    ItemError { reason: ErrorReason::TextTooLong.as_str().to_owned(), ..reject_malformed("", message) }
}
