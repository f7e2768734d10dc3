//! What reads return of stored documents.

use super::payload::{PayloadFields, parse_payload_format};
use crate::grpc::errors::invalid_argument;
use crate::proto::{DenseVector, PayloadFormat, ReturnOptions, StoredDocument};
use crate::store::WithVectors;
use crate::types::{ApiError, CollectionSpec, StoredPoint};

/// Maximum number of payload fields that a request can name.
pub const MAX_PAYLOAD_FIELDS: usize = 100;

/// Which parts of stored documents are returned.
#[derive(Debug, Clone)]
pub struct ReturnSelection {
    pub with_payload: bool,
    /// Top-level fields of the payload; empty for all.
    payload_fields: Vec<String>,
    payload_format: PayloadFormat,
    with_sparse: bool,
    with_dense: bool,
}

impl ReturnSelection {
    /// Parses the options of a request.
    ///
    /// # Errors
    /// An option that is invalid, by its field.
    pub fn parse(options: Option<ReturnOptions>) -> Result<Self, ApiError> {
        let ReturnOptions { without_payload, payload_fields, payload_format, with_sparse_vectors, with_dense_vectors } =
            options.unwrap_or_default();
        if payload_fields.len() > MAX_PAYLOAD_FIELDS {
            let message = format!("there are {}; send at most {MAX_PAYLOAD_FIELDS}", payload_fields.len());
            return Err(invalid_argument("payload_fields", message));
        }
        if without_payload && !payload_fields.is_empty() {
            return Err(invalid_argument(
                "payload_fields",
                "no payload is returned; omit payload_fields, or without_payload",
            ));
        }
        Ok(Self {
            with_payload: !without_payload,
            payload_fields,
            payload_format: parse_payload_format(payload_format)?,
            with_sparse: with_sparse_vectors,
            with_dense: with_dense_vectors,
        })
    }

    /// Returns the vectors to read from a collection.
    pub fn vectors_to_read(&self, spec: &CollectionSpec) -> WithVectors {
        WithVectors {
            sparse: self.with_sparse.then(|| spec.vector_name.clone()),
            dense: if self.with_dense { spec.dense.keys().cloned().collect() } else { Vec::new() },
        }
    }

    /// Converts a point of a collection whose sparse vector is `vector_name`.
    pub fn to_stored_document(&self, point: StoredPoint, vector_name: &str) -> StoredDocument {
        let mut payload = point.payload;
        if !self.payload_fields.is_empty() {
            payload.retain(|name, _| self.payload_fields.contains(name));
        }
        let (payload, payload_json, inexact_fields) = if self.with_payload {
            let PayloadFields { payload, payload_json, inexact_fields } =
                PayloadFields::new(payload, self.payload_format);
            (payload, payload_json, inexact_fields)
        } else {
            (None, String::new(), Vec::new())
        };
        let sparse = point.sparse.map(|vector| (vector_name.to_owned(), vector.into()));
        StoredDocument {
            id: Some(point.id.into()),
            payload,
            payload_json,
            inexact_fields,
            payload_unreadable: point.payload_unreadable,
            text_field: point.text_field,
            sparse_vectors: sparse.into_iter().collect(),
            dense_vectors: point.dense.into_iter().map(|(name, values)| (name, DenseVector { values })).collect(),
            version: point.version,
        }
    }
}
