//! The sparse vector of a collection that is created.

use std::collections::HashMap;

use super::vector_name::check_vector_name;
use crate::grpc::errors::invalid_argument;
use crate::model::Model;
use crate::proto;
use crate::types::ApiError;

const DEFAULT_VECTOR_NAME: &str = "splade";

/// Returns the one sparse vector and its name. What a response says of its writer may be sent back, if it is this model.
///
/// # Errors
/// If there are several, its name is invalid, or another encoder is named as its writer.
pub fn parse_sparse_vector_options(
    vectors: HashMap<String, proto::SparseVectorOptions>,
    model: &Model,
) -> Result<(String, proto::SparseVectorOptions), ApiError> {
    let count = vectors.len();
    let mut vectors = vectors.into_iter();
    let (name, options) = match (vectors.next(), count) {
        (None, _) => return Ok((DEFAULT_VECTOR_NAME.to_owned(), proto::SparseVectorOptions::default())),
        (Some(vector), 1) => vector,
        (Some(_), _) => {
            let message = format!("there are {count}; send one, since a collection has one sparse vector");
            return Err(invalid_argument("sparse_vectors", message));
        }
    };
    if name.is_empty() {
        return Err(invalid_argument("sparse_vectors", "it has no name; give it one"));
    }
    let field = format!("sparse_vectors.{name}");
    check_vector_name(&field, &name)?;
    let (fingerprint, dtype) = (model.fingerprint.to_string(), model.dtype.to_string());
    for (part, requested, actual) in [
        ("model", &options.model, &model.name),
        ("fingerprint", &options.fingerprint, &fingerprint),
        ("dtype", &options.dtype, &dtype),
    ] {
        if !requested.is_empty() && requested != actual {
            let message = format!(
                "it is `{requested}`, and model `{}` that will write the collection has `{actual}`; omit it, or use another model",
                model.name
            );
            return Err(invalid_argument(&format!("{field}.{part}"), message));
        }
    }
    Ok((name, options))
}
