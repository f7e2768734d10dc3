//! Where points go. One trait, two implementations, one suite of contract tests for both.

mod edge;
mod qdrant;
pub mod retry;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::edge::{EdgeOptions, EdgeStore};
pub use self::qdrant::{ApiKey, InvalidApiKey, InvalidUrl, QdrantConfig, QdrantStore, QdrantUrl};
use crate::types::{CollectionSpec, Digest, Filter, Point, PointId, SparseVector, StoredPoint};

/// A store of points in named collections. Every method can be called from many tasks at once.
///
/// Point ids are unique in a collection: an upsert replaces. What a method confirmed survives the death of this
/// process.
#[async_trait]
pub trait VectorStore: fmt::Debug + Send + Sync + 'static {
    /// Whether the store answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Describes a collection; `None` if there is none of that name.
    async fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError>;

    /// Creates a collection. [`StoreError::AlreadyExists`] if there is one, whoever made it.
    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError>;

    /// Writes points, and returns when they are durable and visible. After an error some of them may be written; to write
    /// them again is harmless.
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError>;

    /// The points of the highest dot products with a query, best first.
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError>;

    /// Points by id, with payload and sparse vector; the ones that are not there are left out.
    async fn retrieve(&self, name: &str, vector_name: &str, ids: &[PointId]) -> Result<Vec<StoredPoint>, StoreError>;

    /// What points were made of, by id; of those that are not there, or don't say, there is nothing.
    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError>;

    /// Deletes points; the ones that are not there are passed over.
    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError>;

    /// Writes out what is buffered and lets go of every resource. The store refuses what comes after.
    async fn close(&self) -> Result<(), StoreError>;
}

/// A collection as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionInfo {
    pub spec: CollectionSpec,
    pub point_count: u64,
}

/// What to search for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    pub vector_name: String,
    pub vector: SparseVector,
    pub filter: Option<Filter>,
    /// How many points to give.
    pub limit: usize,
    /// How many of the best to pass over.
    pub offset: usize,
    pub score_threshold: Option<f32>,
    pub with_payload: bool,
    pub with_vector: bool,
}

/// What can go wrong with a store, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, or is not itself: worth another try.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It is overloaded: worth another try, after the time that it asks for.
    #[error("the store is overloaded: {message}")]
    Overloaded { message: String, retry_after: Option<Duration> },
    /// It did not answer in time; whether it acted is not known. Worth another try.
    #[error("the store did not answer in time: {0}")]
    Timeout(String),
    /// There is no such collection.
    #[error("there is no collection `{0}`")]
    CollectionNotFound(String),
    /// The collection is there already.
    #[error("collection `{0}` exists already")]
    AlreadyExists(String),
    /// The request is refused for what it holds; the same request will be refused again.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The store wants other credentials.
    #[error("the store denied access: {0}")]
    Denied(String),
    /// The disk or the files of the store are at fault, or it broke its own rules.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Whether the same request can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Overloaded { .. } | Self::Timeout(_) => true,
            Self::CollectionNotFound(_)
            | Self::AlreadyExists(_)
            | Self::Refused(_)
            | Self::Denied(_)
            | Self::Failed(_) => false,
        }
    }

    /// Its kind, as metrics name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Overloaded { .. } => "overloaded",
            Self::Timeout(_) => "timeout",
            Self::CollectionNotFound(_) => "collection_not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::Refused(_) => "refused",
            Self::Denied(_) => "denied",
            Self::Failed(_) => "failed",
        }
    }

    /// How long the store asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
