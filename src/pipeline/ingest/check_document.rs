//! What of a document its collection would refuse.

use crate::pipeline::operation::InvalidOperation;
use crate::types::{ApiError, CollectionSpec, Distance, Document, ErrorReason, normalize_extreme};

/// Checks what the collection itself would refuse, before it costs a batch, and brings vectors to what it can keep.
///
/// # Errors
/// If the collection doesn't have such vectors, or the text would replace a field of the payload.
pub fn check_document(
    mut document: Document,
    spec: &CollectionSpec,
    text_field: &str,
) -> Result<Document, InvalidOperation> {
    let dense_specs = &spec.dense;
    let problem = document.dense.iter().find_map(|(name, vector)| match dense_specs.get(name) {
        None => Some((name, "the collection has no dense vector of that name; leave it out".to_owned())),
        Some(spec) if spec.size as usize != vector.len() => {
            Some((name, format!("it has {} dimensions; send {}, as the collection has", vector.len(), spec.size)))
        }
        Some(_) => None,
    });
    let problem = problem.map(|(name, message)| (ErrorReason::InvalidVector, format!("dense_vectors.{name}"), message));
    match problem.or_else(|| check_payload(&document, text_field)) {
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

/// The text is kept in the payload, and must not replace what the client has there.
fn check_payload(document: &Document, text_field: &str) -> Option<(ErrorReason, String, String)> {
    let existing = document.payload.get(text_field).filter(|_| !text_field.is_empty())?;
    let message = "the text is kept under this name; rename the field, or set text_field to another name or to none";
    let is_different = existing.as_str() != Some(&document.text);
    is_different.then(|| (ErrorReason::InvalidArgument, format!("payload.{text_field}"), message.to_owned()))
}
