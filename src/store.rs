//! Vector stores: the traits, and two implementations tested by one contract test suite.
//!
//! - [`QdrantStore`]: a Qdrant server over gRPC.
//! - `EdgeStore` (feature `embedded`): Qdrant's engine in this process, on a local directory.
//!
//! [`VectorStore`] combines [`CollectionCatalog`] (collections and aliases), [`PointReader`] (search and reads) and
//! [`PointWriter`] (upserts, deletions, digests). All methods return [`StoreError`], whose variants say whether a retry
//! can succeed ([`StoreError::is_retryable`]) and whether a write may still have been applied
//! ([`StoreError::has_unknown_outcome`]).

mod api_error;
mod collection_catalog;
mod collection_info;
#[cfg(feature = "embedded")]
mod edge;
mod error;
mod page;
mod point_reader;
mod point_writer;
mod qdrant;
mod search_query;
mod vector_store;
mod with_vectors;

pub use self::collection_catalog::CollectionCatalog;
pub use self::collection_info::CollectionInfo;
#[cfg(feature = "embedded")]
pub use self::edge::{EdgeOptions, EdgeStore};
pub use self::error::StoreError;
pub use self::page::{PointPage, ScrollQuery};
pub use self::point_reader::PointReader;
pub use self::point_writer::PointWriter;
pub use self::qdrant::{ApiKey, InvalidApiKey, InvalidQdrantUrl, QdrantConfig, QdrantStore, QdrantUrl};
pub use self::search_query::SearchQuery;
pub use self::vector_store::VectorStore;
pub use self::with_vectors::WithVectors;
