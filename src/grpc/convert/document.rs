//! Documents as they come: each is decoded by itself, so that a bad one is refused alone.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;

use super::document_id::parse_new_id;
use super::payload::{PayloadLimits, parse_payload};
use super::text::check_text;
use crate::grpc::limits::RequestLimits;
use crate::pipeline::Unreadable;
use crate::proto::{self, unknown_fields::check_known};
use crate::types::{Document, DocumentId, Fault, Reason};

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
        Unreadable { id: id.and_then(|id| id.try_into().ok()), fault }
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
            let id = parse_new_id(id, limits.id_bytes);
            id.map_err(|fault| Unreadable { id: None, fault: fault.within("id") })?
        }
        None => DocumentId::made_of(&text),
    };
    let refused = |fault| Unreadable { id: Some(id.clone()), fault };
    check_text(&text, limits.text_bytes).map_err(refused)?;
    check_dimensions(&dense_vectors, limits.dense_dimensions).map_err(refused)?;
    let payload_limits = PayloadLimits { bytes: limits.payload_bytes, depth: limits.payload_depth };
    let payload = parse_payload(fields, &payload_json, payload_limits).map_err(refused)?;
    let dense = parse_dense_vectors(dense_vectors).map_err(refused)?;
    Ok(Document { id, text, payload, dense, version })
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

/// Converts a document's dense vectors, by name.
///
/// # Errors
/// If a value is not finite.
fn parse_dense_vectors(vectors: HashMap<String, proto::DenseVector>) -> Result<BTreeMap<String, Vec<f32>>, Fault> {
    let vectors = vectors.into_iter().map(|(name, proto::DenseVector { values })| {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok((name, values)),
            Some(at) => {
                let message = format!("value {at} is not a finite number; send finite numbers");
                Err(Fault::new(Reason::InvalidVector, format!("dense_vectors.{name}"), message))
            }
        }
    });
    vectors.collect()
}
