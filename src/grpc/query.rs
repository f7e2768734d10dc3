//! Queries of `Search` and `Explain`: validation, and encoding as a sparse vector.

use std::sync::Arc;

use super::ServiceContext;
use super::convert::{EncodingParams, check_text, parse_encoding, parse_pruning, to_vector_stats};
use super::errors::{invalid_argument, unimplemented_field};
use crate::model::Model;
use crate::pipeline::EncodeOptions;
use crate::proto::query::Kind;
use crate::proto::{self, EncodingStats};
use crate::types::{ApiError, Pruning, PruningStats, Role, SparseVector};

/// Validated query: a text or a sparse vector.
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

/// Sparse vector of a query.
#[derive(Debug)]
pub struct EncodedQuery {
    pub vector: SparseVector,
    pub stats: EncodingStats,
    /// Text of the query; `None` if the request has a vector.
    pub text: Option<String>,
}

impl Query {
    /// Validates a query as far as this doesn't depend on the model.
    ///
    /// # Errors
    /// If the query is missing, invalid or not implemented; the error names the field.
    pub fn parse(query: Option<proto::Query>, max_text_bytes: usize) -> Result<Self, ApiError> {
        let missing = "the query is missing; set `query.text` or `query.sparse_vector`";
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
                    let message =
                        "`long_text` and `window_overlap` apply only to a text; omit them with `sparse_vector`";
                    return Err(invalid_argument("encoding", message));
                }
                QueryInput::Vector(vector)
            }
        };
        Ok(Self { input, vector_name, encoding })
    }

    /// Checks the name of the vector to search against the name of the collection's sparse vector.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the collection has no sparse vector with that name.
    pub fn check_vector_name(&self, sparse_vector_name: &str) -> Result<(), ApiError> {
        if self.vector_name.is_empty() || self.vector_name == sparse_vector_name {
            return Ok(());
        }
        let message = format!(
            "the collection has no sparse vector with this name; send `{sparse_vector_name}`, or omit the field"
        );
        Err(invalid_argument("vector_name", message))
    }

    /// Encodes and prunes the query.
    ///
    /// # Errors
    /// If an option or the text is invalid (the error names the field), or the pipeline is closed or at capacity.
    pub async fn encode(self, context: &ServiceContext, model: &Arc<Model>) -> Result<EncodedQuery, ApiError> {
        match self.input {
            QueryInput::Vector(vector) => {
                let mut vector = SparseVector::try_from(vector)
                    .map_err(|error| invalid_argument("sparse_vector", error.to_string()))?;
                // The server's defaults don't apply to a vector: it may be pruned already, and pruning it again to a share of
                // its weight would remove too much.
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
