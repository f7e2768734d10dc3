//! Where points go. One trait, two implementations, one suite of contract tests for both.

#[cfg(feature = "embedded")]
mod edge;
mod fault;
mod qdrant;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

#[cfg(feature = "embedded")]
pub use self::edge::{EdgeOptions, EdgeStore};
pub use self::qdrant::{ApiKey, InvalidApiKey, InvalidUrl, QdrantConfig, QdrantStore, QdrantUrl};
use crate::types::{CollectionSpec, Digest, Filter, Point, PointId, SparseVector, StoredPoint};

/// A store of points in named collections. Every method can be called from many tasks at once. Where one takes the name
/// of a collection, it takes an alias too, unless it says otherwise.
///
/// Point ids are unique in a collection: an upsert replaces. What a method confirmed survives the death of this
/// process.
#[async_trait]
pub trait VectorStore: fmt::Debug + Send + Sync + 'static {
    /// Whether the store answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Describes a collection; `None` if there is none of that name.
    async fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError>;

    /// Describes every collection, ordered by name.
    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError>;

    /// Creates a collection. [`StoreError::AlreadyExists`] if there is one, whoever made it, or an alias of that name.
    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError>;

    /// Completes a collection that exists and may be written to with `create_collection`: whoever created it may have
    /// died before it was complete, or may still be at it, so that doing the same at the same time is harmless.
    /// `requested` is what the client would have created; it changes nothing that the collection already has.
    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        let _complete_when_created = (info, requested);
        Ok(())
    }

    /// Writes points, and returns when they are durable and visible. After an error some of them may be written; to write
    /// them again is harmless. After one with an unknown outcome ([`StoreError::has_unknown_outcome`]) they may be
    /// written later, until [`Self::settled`].
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError>;

    /// Writes points with versions as [`Self::upsert`] does, each only if the stored one has no version or an older one.
    /// Returns those that were left as they are, whose stored version is durable. No other change of these points by this
    /// process may be in flight.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, vector_name, points);
        Err(StoreError::Refused("it doesn't compare versions".to_owned()))
    }

    /// Deletes points as [`Self::delete`] does, each only if the stored one has no version or an older one than given.
    /// Returns those that were left as they are. No other change of these points by this process may be in flight.
    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, points);
        Err(StoreError::Refused("it doesn't compare versions".to_owned()))
    }

    /// The points of the highest dot products with a query, best first.
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError>;

    /// Points by id, with payload; missing ones are omitted.
    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError>;

    /// Returns the content digest of each point that has one; missing points and points without a digest are omitted,
    /// and so are points whose state a kill of this process would undo.
    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError>;

    /// Points in the order of their ids, with payload.
    async fn scroll(&self, name: &str, from: ScrollFrom) -> Result<Page, StoreError>;

    /// Deletes points, and returns when that is durable; ids without a point are ignored. Errors mean what they mean for
    /// [`Self::upsert`].
    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError>;

    /// The collections that aliases stand for, by alias.
    async fn aliases(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// Makes an alias, or has it stand for another collection, which is given by its own name: in one step, so that every
    /// call finds the one or the other. [`StoreError::AlreadyExists`] if a collection has that name.
    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError>;

    /// Removes an alias; one that is not there is passed over.
    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError>;

    /// Returns when no write that ended before this call can take effect any more. Until then no other change of the points
    /// of a write with an unknown outcome may be sent, or the older one could land on top.
    ///
    /// # Errors
    /// If the store can't be asked now.
    async fn settled(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes out what is buffered and lets go of every resource. The store refuses what comes after.
    async fn close(&self) -> Result<(), StoreError>;
}

/// A collection as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionInfo {
    /// Its own name, also where it was asked for by an alias.
    pub name: String,
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
    /// The vectors to give.
    pub vectors: WithVectors,
}

/// Which vectors of points are read with them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithVectors {
    /// The name of the sparse vector, if it is.
    pub sparse: Option<String>,
    /// The names of dense vectors.
    pub dense: Vec<String>,
}

impl WithVectors {
    /// The sparse vector of this name and no other.
    pub fn sparse(name: &str) -> Self {
        Self { sparse: Some(name.to_owned()), dense: Vec::new() }
    }

    /// Returns the names of all of them.
    pub fn names(&self) -> Vec<String> {
        self.sparse.iter().chain(&self.dense).cloned().collect()
    }
}

/// Which points to page through.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrollFrom {
    /// The least id; `None` to begin with the first.
    pub from: Option<PointId>,
    /// How many points to give, at least 1.
    pub limit: usize,
    /// The vectors to give.
    pub vectors: WithVectors,
}

/// Points in the order of their ids: numbers first, then UUIDs.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub points: Vec<StoredPoint>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PointId>,
}

/// What can go wrong with a store, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, or says that it can't serve the request now, which it has not done: worth another try.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The call was interrupted, by a connection that broke or a flush that failed; whether the store acted is not
    /// known. Worth another try.
    #[error("the store is unavailable: the call was interrupted: {0}")]
    Interrupted(String),
    /// It answered that it failed on this request, because of its own state or of what the request holds. Worth another
    /// try, with fewer points at last: one point must not fail its neighbours.
    #[error("the store failed on the request: {0}")]
    Internal(String),
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
    /// A new collection can't be as this option of it wants.
    #[error("{message}")]
    InvalidOption { option: &'static str, message: String },
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
            Self::Unavailable(_)
            | Self::Interrupted(_)
            | Self::Internal(_)
            | Self::Overloaded { .. }
            | Self::Timeout(_) => true,
            Self::CollectionNotFound(_)
            | Self::AlreadyExists(_)
            | Self::InvalidOption { .. }
            | Self::Refused(_)
            | Self::Denied(_)
            | Self::Failed(_) => false,
        }
    }

    /// Whether the store may have acted, or may act still: it got the request, as far as is known, and gave no answer
    /// that excludes it. [`Self::Internal`] is one of them: Qdrant answers it too if a node behind it did not answer in
    /// turn, and applies a write that it logged before it failed again later.
    pub fn has_unknown_outcome(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Internal(_) | Self::Timeout(_))
    }

    /// Its kind, as metrics name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Interrupted(_) => "interrupted",
            Self::Internal(_) => "internal",
            Self::Overloaded { .. } => "overloaded",
            Self::Timeout(_) => "timeout",
            Self::CollectionNotFound(_) => "collection_not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::Refused(_) => "refused",
            Self::InvalidOption { .. } => "invalid_option",
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
