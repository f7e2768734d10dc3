//! Fixed bounds of requests (not configurable by flags), for tests and documents that describe the API.

pub use super::convert::{
    MAX_BATCH_POINTS, MAX_CONDITION_VALUES, MAX_DIMENSIONS, MAX_FIRST_SEQUENCE, MAX_NAME_BYTES, MAX_PAGE_SIZE,
    MAX_PATH_BYTES, MAX_PAYLOAD_FIELDS, MAX_POSITION_BYTES, MAX_REPLICAS, MAX_SEARCH_LIMIT, MAX_SEARCH_OFFSET,
    MAX_SHARD_KEYS, MAX_SHARDS,
};
pub use super::delete::MAX_DELETE_IDS;
pub use super::list_documents::MAX_GET_IDS;
pub use crate::types::MAX_COLLECTION_NAME;
