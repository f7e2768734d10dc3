//! Validation of a document against its collection.

use crate::pipeline::operation::InvalidOperation;
use crate::types::{ApiError, CollectionSpec, Distance, Document, ErrorReason, normalize_extreme};

/// Checks a document for what the store would refuse, before it costs a batch, and normalizes dense vectors with
/// extreme values.
///
/// # Errors
/// `InvalidVector` if the collection has no dense vector of that name or of that size; `InvalidArgument` if storing the
/// text would overwrite a different payload field.
pub fn check_document(
    mut document: Document,
    spec: &CollectionSpec,
    text_field: &str,
) -> Result<Document, InvalidOperation> {
    let dense_specs = &spec.dense;
    let vector_error = document.dense.iter().find_map(|(name, vector)| match dense_specs.get(name) {
        None => Some((name, "the collection has no dense vector of that name; omit it".to_owned())),
        Some(spec) if spec.size as usize != vector.len() => Some((
            name,
            format!(
                "the vector has {} dimensions, but the collection requires {size}; send {size} numbers",
                vector.len(),
                size = spec.size
            ),
        )),
        Some(_) => None,
    });
    let vector_error =
        vector_error.map(|(name, message)| (ErrorReason::InvalidVector, format!("dense_vectors.{name}"), message));
    match vector_error.or_else(|| check_payload(&document, text_field)) {
        None => {
            for (name, values) in &mut document.dense {
                if dense_specs.get(name).is_some_and(|spec| spec.distance == Distance::Cosine) {
                    normalize_extreme(values);
                }
            }
            Ok(document)
        }
        Some((reason, field, message)) => {
            let error = ApiError::new(reason, field, message);
            Err(InvalidOperation { id: Some(document.id), error })
        }
    }
}

/// Checks that storing the text does not overwrite a payload field of the client.
fn check_payload(document: &Document, text_field: &str) -> Option<(ErrorReason, String, String)> {
    let existing = document.payload.get(text_field).filter(|_| !text_field.is_empty())?;
    let message = "the text is stored in this payload field; rename the field, or set text_field to another name or to an \
                   empty string";
    let is_different = existing.as_str() != Some(&document.text);
    is_different.then(|| (ErrorReason::InvalidArgument, format!("payload.{text_field}"), message.to_owned()))
}
