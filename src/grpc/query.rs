//! Queries: from what a request searches with to a sparse vector. Search and Explain share it.

use std::sync::Arc;

use super::ServiceContext;
use super::convert::{Encoding, check_text, parse_encoding, parse_pruning, vector_stats};
use super::faults::{invalid, unimplemented_field};
use crate::model::Model;
use crate::pipeline::EncodeOptions;
use crate::proto::query::Kind;
use crate::proto::{self, EncodingStats};
use crate::types::{Fault, Pruned, Pruning, Role, SparseVector};

/// A query whose kind is implemented.
#[derive(Debug)]
pub struct Query {
    kind: SparseQuery,
    vector_name: String,
    encoding: Option<proto::EncodingOptions>,
}

#[derive(Debug)]
enum SparseQuery {
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
    pub fn parse(query: Option<proto::Query>, max_text_bytes: usize) -> Result<Self, Fault> {
        let missing = "it is missing; set `query.text` or `query.sparse_vector`";
        let Some(proto::Query { kind, vector_name, encoding }) = query else { return Err(invalid("", missing)) };
        let kind = match kind {
            None => return Err(invalid("", missing)),
            Some(Kind::DenseVector(_)) => return Err(unimplemented_field("dense_vector")),
            Some(Kind::Fusion(_)) => return Err(unimplemented_field("fusion")),
            Some(Kind::Text(text)) => {
                check_text(&text, max_text_bytes)?;
                SparseQuery::Text(text)
            }
            Some(Kind::SparseVector(vector)) => {
                if encoding
                    .as_ref()
                    .is_some_and(|encoding| encoding.long_text != 0 || encoding.window_overlap.is_some())
                {
                    let message = "a vector is pruned but not encoded; omit long_text and window_overlap";
                    return Err(invalid("encoding", message));
                }
                SparseQuery::Vector(vector)
            }
        };
        Ok(Self { kind, vector_name, encoding })
    }

    /// Checks the name of the vector to search, given that of the collection's sparse vector.
    ///
    /// # Errors
    /// If the collection has no sparse vector of that name.
    pub fn check_vector_name(&self, sparse: &str) -> Result<(), Fault> {
        if self.vector_name.is_empty() || self.vector_name == sparse {
            return Ok(());
        }
        let message = format!("the collection's sparse vector is `{sparse}`; use that name, or omit it");
        Err(invalid("vector_name", message))
    }

    /// Encodes it.
    ///
    /// # Errors
    /// An option or a text that is refused, by its field; a pipeline that is closed or at capacity.
    pub async fn encode(self, shared: &ServiceContext, model: &Arc<Model>) -> Result<EncodedQuery, Fault> {
        match self.kind {
            SparseQuery::Vector(vector) => {
                let mut vector =
                    SparseVector::try_from(vector).map_err(|error| invalid("sparse_vector", error.to_string()))?;
                // It may be pruned already: once more to a share of its weight would be too much.
                let pruning = self.encoding.and_then(|encoding| encoding.pruning);
                let pruning = parse_pruning(pruning, Pruning::default()).map_err(|fault| fault.within("encoding"))?;
                let pruned: Pruned = vector.prune(pruning);
                Ok(EncodedQuery { stats: vector_stats(&vector, pruned), vector, text: None })
            }
            SparseQuery::Text(text) => {
                let role = Role::Query;
                let encoding = parse_encoding(self.encoding, model.side(role), shared.pruning.of(role, model));
                let Encoding { long_text, pruning } = encoding.map_err(|fault| fault.within("encoding"))?;
                let options = EncodeOptions { model: Arc::clone(model), role, long_text, pruning };
                let encoded = shared.pipeline.encode_one(options, text.clone()).await?;
                Ok(EncodedQuery { stats: (&encoded).into(), vector: encoded.vector, text: Some(text) })
            }
        }
    }
}
