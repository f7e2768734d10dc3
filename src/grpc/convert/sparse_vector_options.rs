//! Options of the sparse vector of a collection to create.

use std::collections::HashMap;

use super::vector_name::check_vector_name;
use crate::grpc::errors::invalid_argument;
use crate::model::Model;
use crate::proto;
use crate::types::ApiError;

const DEFAULT_VECTOR_NAME: &str = "splade";

/// Returns the sparse vector of the options and its name. `model`, `fingerprint` and `dtype`, which descriptions of collections
/// contain, may be sent back if they match `model`.
///
/// # Errors
/// `INVALID_ARGUMENT` if there are several vectors, the name is invalid, or the options name another encoder.
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
            let message =
                format!("the map has {count} vectors; send one, because a collection has exactly one sparse vector");
            return Err(invalid_argument("sparse_vectors", message));
        }
    };
    if name.is_empty() {
        return Err(invalid_argument("sparse_vectors", "the name of the vector is empty; send a name"));
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
                "`{requested}` doesn't match model `{}`, which will write the collection and has `{actual}`; omit the field, or \
                 select another model",
                model.name
            );
            return Err(invalid_argument(&format!("{field}.{part}"), message));
        }
    }
    Ok((name, options))
}
