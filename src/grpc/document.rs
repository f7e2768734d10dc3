//! Documents as they come: each is decoded by itself, so that a bad one is refused alone.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::limits::{LONGEST_ID, RequestLimits};
use super::payload::{PayloadLimits, parse_payload};
use crate::pipeline::Unreadable;
use crate::proto::{self, unknown_fields::check_known};
use crate::types::{Document, DocumentId, Fault, Reason, is_blank};

/// The id of a document that can't be read as a whole.
#[derive(Clone, PartialEq, Message)]
struct OnlyId {
    #[prost(message, optional, tag = "1")]
    id: Option<proto::DocumentId>,
}

/// Decodes and checks a document.
///
/// # Errors
/// The first thing that is wrong with it, and its id if that could be read.
pub fn parse_document(bytes: &Bytes, limits: &RequestLimits) -> Result<Document, Unreadable> {
    let unreadable = |fault| {
        let id = OnlyId::decode(bytes.clone()).ok().and_then(|only| only.id);
        Unreadable { id: id.and_then(|id| parse_document_id(id).ok()), fault }
    };
    check_known("Document", bytes)
        .map_err(|unknown| unreadable(Fault::new(Reason::Unimplemented, "", unknown.to_string())))?;
    let decoded = proto::Document::decode(bytes.clone()).map_err(|error| {
        let message = format!("it can't be decoded: {error}; text must be UTF-8 and the payload not nested too deep");
        unreadable(Fault::new(Reason::MalformedDocument, "", message))
    })?;
    let proto::Document { id, text, payload: fields, payload_json, dense_vectors, version } = decoded;
    let id = match id {
        Some(id) => {
            let id = parse_document_id(id).and_then(|id| check_id(id, limits.id_bytes));
            id.map_err(|fault| Unreadable { id: None, fault: fault.within("id") })?
        }
        None => DocumentId::made_of(&text),
    };
    let refused = |fault| Unreadable { id: Some(id.clone()), fault };
    check_text(&text, limits.text_bytes).map_err(refused)?;
    check_dimensions(&dense_vectors, limits.dense_dimensions).map_err(refused)?;
    let payload_limits = PayloadLimits { bytes: limits.payload_bytes, depth: limits.payload_depth };
    let payload = parse_payload(fields, &payload_json, payload_limits).map_err(refused)?;
    let dense = dense_vectors.into_iter().map(|(name, vector)| {
        let field = format!("dense_vectors.{name}");
        match vector.values.iter().position(|value| !value.is_finite()) {
            None => Ok((name, vector.values)),
            Some(at) => {
                let message = format!("value {at} is not a finite number; send finite numbers");
                Err(refused(Fault::new(Reason::InvalidVector, field, message)))
            }
        }
    });
    let dense = dense.collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(Document { id, text, payload, dense, version })
}

/// Whether a text can be encoded at all.
///
/// # Errors
/// If it is blank or has too many bytes.
pub fn check_text(text: &str, max_bytes: usize) -> Result<(), Fault> {
    if is_blank(text) {
        let message = "it is blank: empty, or only white space and invisible characters; send a text with words, or \
                       leave it out";
        return Err(Fault::new(Reason::EmptyText, "text", message));
    }
    if text.len() > max_bytes {
        let bytes = text.len();
        let message = format!("it has {bytes} bytes and {max_bytes} are taken; split it, or raise --max-text-bytes");
        return Err(Fault::new(Reason::TextTooLong, "text", message));
    }
    Ok(())
}

fn check_dimensions(vectors: &HashMap<String, proto::DenseVector>, max: usize) -> Result<(), Fault> {
    let dimensions: usize = vectors.values().map(|vector| vector.values.len()).sum();
    if dimensions <= max {
        return Ok(());
    }
    let message = format!(
        "they have {dimensions} dimensions together and {max} are taken; send fewer, or raise --max-dense-dimensions"
    );
    Err(Fault::new(Reason::InvalidVector, "dense_vectors", message))
}

/// # Errors
/// If it is a key that is too long for this server.
pub fn check_id(id: DocumentId, max_bytes: usize) -> Result<DocumentId, Fault> {
    match &id {
        DocumentId::Key(key) if key.len() > max_bytes => {
            let bytes = key.len();
            let message = format!("it has {bytes} bytes; send 1 to {max_bytes}, or raise --max-id-bytes");
            Err(Fault::new(Reason::InvalidArgument, "key", message))
        }
        _ => Ok(id),
    }
}

/// A client's id.
///
/// # Errors
/// If it is empty, no UUID where it claims to be one, or too long.
pub fn parse_document_id(id: proto::DocumentId) -> Result<DocumentId, Fault> {
    use proto::document_id::Kind;
    match id.kind {
        Some(Kind::Num(num)) => Ok(DocumentId::Num(num)),
        Some(Kind::Uuid(text)) => Uuid::parse_str(&text).map(DocumentId::Uuid).map_err(|error| {
            Fault::new(Reason::InvalidArgument, "uuid", format!("it is no UUID: {error}; send one, or use `key`"))
        }),
        Some(Kind::Key(key)) if (1..=LONGEST_ID).contains(&key.len()) => Ok(DocumentId::Key(key)),
        Some(Kind::Key(key)) => {
            let message = format!("it has {} bytes; send 1 to {LONGEST_ID}", key.len());
            Err(Fault::new(Reason::InvalidArgument, "key", message))
        }
        None => {
            Err(Fault::new(Reason::InvalidArgument, "", "it is empty; set `num`, `uuid` or `key`, or leave it out"))
        }
    }
}

/// An id for a client.
pub fn to_document_id(id: DocumentId) -> proto::DocumentId {
    use proto::document_id::Kind;
    let kind = match id {
        DocumentId::Num(num) => Kind::Num(num),
        DocumentId::Uuid(uuid) => Kind::Uuid(uuid.to_string()),
        DocumentId::Key(key) => Kind::Key(key),
    };
    proto::DocumentId { kind: Some(kind) }
}
