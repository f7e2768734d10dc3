//! Bounds of requests that no flag changes, for whoever describes them.

pub use super::filter::{MAX_KEY_BYTES, MAX_VALUES};
pub use super::index_service::MAX_DELETES;
pub use super::list_documents::MAX_PAGE;
pub use super::options::{MAX_BATCH_POINTS, MAX_DIMENSIONS, MAX_NAME_BYTES, MAX_REPLICAS, MAX_SHARD_KEYS, MAX_SHARDS};
pub use super::search::{MAX_LIMIT, MAX_OFFSET};
pub use crate::types::MAX_COLLECTION_NAME;
