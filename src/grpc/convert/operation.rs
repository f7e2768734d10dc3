//! Operations as they come: each is decoded by itself, so that an invalid one is rejected alone.

use bytes::Bytes;
use prost::Message;

use super::document::parse_document;
use super::document_id::parse_new_id;
use crate::grpc::faults::{invalid, unimplemented_field};
use crate::grpc::limits::RequestLimits;
use crate::pipeline::{Change, Submission, Unreadable};
use crate::proto::operation::Kind;
use crate::proto::{DeleteDocument, Operation, unknown_fields::check_known};
use crate::types::{Document, Fault, Reason};

/// Maximum length of a position, in bytes.
pub const MAX_POSITION_BYTES: usize = 256;

/// Decodes and checks an operation of a stream.
pub fn parse_operation(bytes: &Bytes, limits: &RequestLimits) -> Submission {
    let refused =
        |position, fault| Submission { bytes: bytes.len(), position, change: Err(Unreadable { id: None, fault }) };
    let Operation { kind, position } = match Operation::decode(bytes.clone()) {
        Ok(operation) => operation,
        Err(error) => {
            let message = format!("it can't be decoded: {error}; send a valid Operation message");
            return refused(String::new(), Fault::new(Reason::MalformedDocument, "", message));
        }
    };
    if position.len() > MAX_POSITION_BYTES {
        let message = format!("it has {} bytes; send at most {MAX_POSITION_BYTES}", position.len());
        return refused(String::new(), invalid("position", message));
    }
    if let Err(unknown) = check_known("Operation", bytes) {
        return refused(position, Fault::new(Reason::Unimplemented, "", unknown.to_string()));
    }
    let change = match kind {
        None => {
            let message = "the operation is empty; set `upsert` or `delete_document`";
            Err(Unreadable { id: None, fault: invalid("", message) })
        }
        Some(Kind::Upsert(document)) => parse_document(&document, limits).map(Change::Upsert).map_err(within("upsert")),
        Some(Kind::DeleteDocument(delete)) => parse_delete(delete, limits.id_bytes).map_err(within("delete_document")),
        Some(Kind::SetPayload(_)) => Err(Unreadable { id: None, fault: unimplemented_field("set_payload") }),
    };
    Submission { bytes: bytes.len(), position, change }
}

/// Converts a document of a unary call to an operation.
pub fn to_upsert(bytes: usize, document: Result<Document, Unreadable>) -> Submission {
    Submission { bytes, position: String::new(), change: document.map(Change::Upsert) }
}

fn parse_delete(delete: DeleteDocument, max_id_bytes: usize) -> Result<Change, Unreadable> {
    let DeleteDocument { id, version } = delete;
    let unreadable = |fault: Fault| Unreadable { id: None, fault };
    let id = id.ok_or_else(|| unreadable(invalid("id", "it is missing; send the id of the document to delete")))?;
    let id = parse_new_id(id, max_id_bytes).map_err(|fault| unreadable(fault.within("id")))?;
    Ok(Change::Delete { id, version })
}

/// The field of an item error is a path inside the document, as in a unary call; other operations are named.
fn within(kind: &'static str) -> impl Fn(Unreadable) -> Unreadable {
    move |Unreadable { id, fault }| {
        let fault = if kind == "upsert" { fault } else { fault.within(kind) };
        Unreadable { id, fault }
    }
}
