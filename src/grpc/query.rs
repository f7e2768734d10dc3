//! Queries: from what a request searches with to a sparse vector. Search and Explain share it.

use std::sync::Arc;

use super::ServiceContext;
use super::convert::{EncodingParams, check_text, parse_encoding, parse_pruning, to_vector_stats};
use super::errors::{invalid_argument, unimplemented_field};
use crate::model::Model;
use crate::pipeline::EncodeOptions;
use crate::proto::query::Kind;
use crate::proto::{self, EncodingStats};
use crate::types::{ApiError, Pruning, PruningStats, Role, SparseVector};

/// A query whose kind is implemented.
#[derive(Debug)]
pub struct Query {
    input: QueryInput,
    vector_name: String,
    encoding: Option<proto::EncodingOptions>,
}

#[derive(Debug)]
enum QueryInput {
    Text(String),
    Vector(proto::SparseVector),
}

/// An encoded query.
#[derive(Debug)]
pub struct EncodedQuery {
    pub vector: SparseVector,
    pub stats: EncodingStats,
    /// Its text, if it has one.
    pub text: Option<String>,
}

impl Query {
    /// Checks everything that doesn't depend on the model.
    ///
    /// # Errors
    /// A query that is missing, invalid or not implemented, by its field.
    pub fn parse(query: Option<proto::Query>, max_text_bytes: usize) -> Result<Self, ApiError> {
        let missing = "it is missing; set `query.text` or `query.sparse_vector`";
        let Some(proto::Query { kind, vector_name, encoding }) = query else {
            return Err(invalid_argument("", missing));
        };
        let input = match kind {
            None => return Err(invalid_argument("", missing)),
            Some(Kind::DenseVector(_)) => return Err(unimplemented_field("dense_vector")),
            Some(Kind::Fusion(_)) => return Err(unimplemented_field("fusion")),
            Some(Kind::Text(text)) => {
                check_text(&text, max_text_bytes)?;
                QueryInput::Text(text)
            }
            Some(Kind::SparseVector(vector)) => {
                if encoding
                    .as_ref()
                    .is_some_and(|encoding| encoding.long_text != 0 || encoding.window_overlap.is_some())
                {
                    let message = "a vector is pruned but not encoded; omit long_text and window_overlap";
                    return Err(invalid_argument("encoding", message));
                }
                QueryInput::Vector(vector)
            }
        };
        Ok(Self { input, vector_name, encoding })
    }

    /// Checks the name of the vector to search, given that of the collection's sparse vector.
    ///
    /// # Errors
    /// If the collection has no sparse vector of that name.
    pub fn check_vector_name(&self, sparse_vector_name: &str) -> Result<(), ApiError> {
        if self.vector_name.is_empty() || self.vector_name == sparse_vector_name {
            return Ok(());
        }
        let message = format!("the collection's sparse vector is `{sparse_vector_name}`; use that name, or omit it");
        Err(invalid_argument("vector_name", message))
    }

    /// Encodes it.
    ///
    /// # Errors
    /// An option or a text that is refused, by its field; a pipeline that is closed or at capacity.
    pub async fn encode(self, context: &ServiceContext, model: &Arc<Model>) -> Result<EncodedQuery, ApiError> {
        match self.input {
            QueryInput::Vector(vector) => {
                let mut vector = SparseVector::try_from(vector)
                    .map_err(|error| invalid_argument("sparse_vector", error.to_string()))?;
                // It may be pruned already: once more to a share of its weight would be too much.
                // See docs/adr/0023-pruning-and-dtype-outside-fingerprint.md.
                let pruning = self.encoding.and_then(|encoding| encoding.pruning);
                let pruning =
                    parse_pruning(pruning, Pruning::default()).map_err(|error| error.with_field_prefix("encoding"))?;
                let pruned: PruningStats = vector.prune(pruning);
                Ok(EncodedQuery { stats: to_vector_stats(&vector, pruned), vector, text: None })
            }
            QueryInput::Text(text) => {
                let role = Role::Query;
                let encoding = parse_encoding(
                    self.encoding,
                    model.role_encoder(role),
                    context.pruning_defaults.resolve(role, model),
                );
                let EncodingParams { long_text, pruning } =
                    encoding.map_err(|error| error.with_field_prefix("encoding"))?;
                let options = EncodeOptions { model: Arc::clone(model), role, long_text, pruning };
                let encoded = context.pipeline.encode_one(options, text.clone()).await?;
                Ok(EncodedQuery { stats: (&encoded).into(), vector: encoded.vector, text: Some(text) })
            }
        }
    }
}
