//! Bounds of requests that no flag changes, for whoever describes them.

pub use super::collection_options::{MAX_DIMENSIONS, MAX_REPLICAS, MAX_SHARD_KEYS, MAX_SHARDS};
pub use super::filter::{MAX_PATH_BYTES, MAX_VALUES};
pub use super::index_service::MAX_DELETES;
pub use super::list_documents::MAX_IDS;
pub use super::operation::MAX_POSITION_BYTES;
pub use super::options::{MAX_BATCH_POINTS, MAX_NAME_BYTES};
pub use super::page::MAX_PAGE;
pub use super::returned::MAX_PAYLOAD_FIELDS;
pub use super::search::{MAX_LIMIT, MAX_OFFSET};
pub use crate::types::MAX_COLLECTION_NAME;
