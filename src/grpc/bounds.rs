//! Bounds of requests that no flag changes, for whoever describes them.

pub use super::convert::{
    MAX_BATCH_POINTS, MAX_DIMENSIONS, MAX_FIRST_SEQUENCE, MAX_LIMIT, MAX_NAME_BYTES, MAX_OFFSET, MAX_PAGE,
    MAX_PATH_BYTES, MAX_PAYLOAD_FIELDS, MAX_POSITION_BYTES, MAX_REPLICAS, MAX_SHARD_KEYS, MAX_SHARDS, MAX_VALUES,
};
pub use super::delete::MAX_DELETES;
pub use super::list_documents::MAX_IDS;
pub use crate::types::MAX_COLLECTION_NAME;
