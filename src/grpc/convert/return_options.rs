//! `ReturnOptions`: selection of the parts of stored documents that reads return.

use super::payload::{PayloadFields, parse_payload_format};
use crate::grpc::errors::invalid_argument;
use crate::proto::{DenseVector, PayloadFormat, ReturnOptions, StoredDocument};
use crate::store::WithVectors;
use crate::types::{ApiError, CollectionSpec, StoredPoint};

/// Maximum number of `payload_fields`.
pub const MAX_PAYLOAD_FIELDS: usize = 100;

/// Selected parts of stored documents.
#[derive(Debug, Clone)]
pub struct ReturnSelection {
    pub with_payload: bool,
    /// Selected top-level fields of the payload; empty for all fields.
    payload_fields: Vec<String>,
    payload_format: PayloadFormat,
    with_sparse: bool,
    with_dense: bool,
}

impl ReturnSelection {
    /// Validates the options of a request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the field if an option is invalid.
    pub fn parse(options: Option<ReturnOptions>) -> Result<Self, ApiError> {
        let ReturnOptions { without_payload, payload_fields, payload_format, with_sparse_vectors, with_dense_vectors } =
            options.unwrap_or_default();
        if payload_fields.len() > MAX_PAYLOAD_FIELDS {
            let message = format!("the list has {} fields; send at most {MAX_PAYLOAD_FIELDS}", payload_fields.len());
            return Err(invalid_argument("payload_fields", message));
        }
        if without_payload && !payload_fields.is_empty() {
            return Err(invalid_argument(
                "payload_fields",
                "`without_payload` is set, so no fields can be returned; omit `payload_fields` or `without_payload`",
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

    /// Converts a point, keeping the selected parts. `vector_name` is the name of the collection's sparse vector.
    pub fn to_stored_document(&self, point: StoredPoint, vector_name: &str) -> StoredDocument {
        let mut payload = point.payload;
        // Filtered here, because stores are always asked for the whole payload.
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
