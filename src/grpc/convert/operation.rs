//! Decoding of operations. Each operation is decoded separately, so an invalid one doesn't end the stream.
//!
//! See docs/adr/0014-decode-operations-one-by-one.md.

use bytes::Bytes;
use prost::Message;

use super::document::parse_document;
use super::document_id::parse_new_id;
use crate::grpc::errors::{invalid_argument, unimplemented_field};
use crate::grpc::limits::RequestLimits;
use crate::pipeline::{DocumentChange, InvalidOperation, Submission};
use crate::proto::operation::Kind;
use crate::proto::{DeleteDocument, Operation, unknown_fields::check_known_fields};
use crate::types::{ApiError, Document, ErrorReason};

/// Maximum length of a position, in bytes.
pub const MAX_POSITION_BYTES: usize = 256;

/// Decodes and validates an operation of a stream. An invalid operation becomes a [`Submission`] with an error, so that it has a
/// result too.
pub fn parse_operation(bytes: &Bytes, limits: &RequestLimits) -> Submission {
    let reject = |position, error| Submission {
        bytes: bytes.len(),
        position,
        change: Err(InvalidOperation { id: None, error }),
    };
    let Operation { kind, position } = match Operation::decode(bytes.clone()) {
        Ok(operation) => operation,
        Err(error) => {
            let message = format!("the operation can't be decoded: {error}; send a valid Operation message");
            return reject(String::new(), ApiError::new(ErrorReason::MalformedDocument, "", message));
        }
    };
    if position.len() > MAX_POSITION_BYTES {
        let message = format!("the position has {} bytes; send at most {MAX_POSITION_BYTES}", position.len());
        return reject(String::new(), invalid_argument("position", message));
    }
    // Checked after decoding, so that the result has the position.
    if let Err(unknown) = check_known_fields("Operation", bytes) {
        return reject(position, ApiError::new(ErrorReason::Unimplemented, "", unknown.to_string()));
    }
    let change = match kind {
        None => {
            let message = "the operation is empty; set `upsert` or `delete_document`";
            Err(InvalidOperation { id: None, error: invalid_argument("", message) })
        }
        Some(Kind::Upsert(document)) => {
            parse_document(&document, limits).map(DocumentChange::Upsert).map_err(prefix_error_field("upsert"))
        }
        Some(Kind::DeleteDocument(delete)) => {
            parse_delete(delete, limits.max_id_bytes).map_err(prefix_error_field("delete_document"))
        }
        Some(Kind::SetPayload(_)) => Err(InvalidOperation { id: None, error: unimplemented_field("set_payload") }),
    };
    Submission { bytes: bytes.len(), position, change }
}

/// Converts a document of a unary call to an upsert.
pub fn to_upsert(bytes: usize, document: Result<Document, InvalidOperation>) -> Submission {
    Submission { bytes, position: String::new(), change: document.map(DocumentChange::Upsert) }
}

fn parse_delete(delete: DeleteDocument, max_id_bytes: usize) -> Result<DocumentChange, InvalidOperation> {
    let DeleteDocument { id, version } = delete;
    let reject = |error: ApiError| InvalidOperation { id: None, error };
    let id =
        id.ok_or_else(|| reject(invalid_argument("id", "the id is missing; send the id of the document to delete")))?;
    let id = parse_new_id(id, max_id_bytes).map_err(|error| reject(error.with_field_prefix("id")))?;
    Ok(DocumentChange::Delete { id, version })
}

/// Prefixes the field of an error with the kind of the operation, except for upserts: their fields are paths in the document, as
/// in unary calls.
fn prefix_error_field(kind: &'static str) -> impl Fn(InvalidOperation) -> InvalidOperation {
    move |InvalidOperation { id, error }| {
        let prefixed_error = if kind == "upsert" { error } else { error.with_field_prefix(kind) };
        InvalidOperation { id, error: prefixed_error }
    }
}
