//! Decoding of documents. Each document is decoded separately, so an invalid one doesn't fail the whole call.
//!
//! See docs/adr/0014-decode-operations-one-by-one.md.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;

use super::document_id::parse_new_id;
use super::payload::{PayloadLimits, parse_payload};
use super::text::check_text;
use crate::grpc::limits::RequestLimits;
use crate::pipeline::InvalidOperation;
use crate::proto::{self, unknown_fields::check_known_fields};
use crate::types::{ApiError, Document, DocumentId, ErrorReason};

/// Subset of `Document` with the id only, to report the id of a document that can't be decoded.
#[derive(Clone, PartialEq, Message)]
struct DocumentIdOnly {
    #[prost(message, optional, tag = "1")]
    id: Option<proto::DocumentId>,
}

/// Decodes and validates a document.
///
/// # Errors
/// The first problem found, and the id of the document if it can be decoded.
pub fn parse_document(bytes: &Bytes, limits: &RequestLimits) -> Result<Document, InvalidOperation> {
    let reject_undecoded = |error| {
        let id = DocumentIdOnly::decode(bytes.clone()).ok().and_then(|id_only| id_only.id);
        InvalidOperation { id: id.and_then(|id| id.try_into().ok()), error }
    };
    check_known_fields("Document", bytes)
        .map_err(|unknown| reject_undecoded(ApiError::new(ErrorReason::Unimplemented, "", unknown.to_string())))?;
    let decoded = proto::Document::decode(bytes.clone()).map_err(|error| {
        let message = format!(
            "the document can't be decoded: {error}; send strings as UTF-8, and a payload that is not nested too deeply"
        );
        reject_undecoded(ApiError::new(ErrorReason::MalformedDocument, "", message))
    })?;
    let proto::Document { id, text, payload: fields, payload_json, dense_vectors, version } = decoded;
    let id = match id {
        Some(id) => {
            let id = parse_new_id(id, limits.max_id_bytes);
            id.map_err(|error| InvalidOperation { id: None, error: error.with_field_prefix("id") })?
        }
        // Derived from the text, so that sending the document again doesn't store it twice.
        None => DocumentId::from_text(&text),
    };
    let reject = |error| InvalidOperation { id: Some(id.clone()), error };
    check_text(&text, limits.max_text_bytes).map_err(reject)?;
    check_dimensions(&dense_vectors, limits.max_dense_dimensions).map_err(reject)?;
    let payload_limits = PayloadLimits { max_bytes: limits.max_payload_bytes, max_depth: limits.max_payload_depth };
    let payload = parse_payload(fields, &payload_json, payload_limits).map_err(reject)?;
    let dense = parse_dense_vectors(dense_vectors).map_err(reject)?;
    Ok(Document { id, text, payload, dense, version })
}

fn check_dimensions(vectors: &HashMap<String, proto::DenseVector>, max: usize) -> Result<(), ApiError> {
    let dimensions: usize = vectors.values().map(|vector| vector.values.len()).sum();
    if dimensions <= max {
        return Ok(());
    }
    let message = format!(
        "the vectors have {dimensions} dimensions in total, more than the maximum of {max}; send fewer, or raise \
         --max-dense-dimensions"
    );
    Err(ApiError::new(ErrorReason::InvalidVector, "dense_vectors", message))
}

/// Converts the dense vectors of a document, keyed by name.
///
/// # Errors
/// `INVALID_VECTOR` if a value is not finite.
fn parse_dense_vectors(vectors: HashMap<String, proto::DenseVector>) -> Result<BTreeMap<String, Vec<f32>>, ApiError> {
    let vectors = vectors.into_iter().map(|(name, proto::DenseVector { values })| {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok((name, values)),
            Some(index) => {
                let message = format!("values[{index}] is NaN or infinite; send finite numbers");
                Err(ApiError::new(ErrorReason::InvalidVector, format!("dense_vectors.{name}"), message))
            }
        }
    });
    vectors.collect()
}
