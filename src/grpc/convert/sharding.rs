//! Sharding and replication options of a collection.

use super::vector_name::MAX_NAME_BYTES;
use crate::grpc::errors::invalid_argument;
use crate::proto;
use crate::types::{ApiError, Sharding};

/// Maximum number of shards per collection, or per shard key.
pub const MAX_SHARDS: u32 = 1_024;
/// Maximum number of replicas of a shard.
pub const MAX_REPLICAS: u32 = 64;
/// Maximum number of shard keys per collection.
pub const MAX_SHARD_KEYS: usize = 256;

impl TryFrom<&proto::CollectionOptions> for Sharding {
    type Error = ApiError;

    fn try_from(options: &proto::CollectionOptions) -> Result<Self, ApiError> {
        let shards = check_at_most("shard_count", options.shard_count, MAX_SHARDS)?;
        let replicas = check_at_most("replication_factor", options.replication_factor, MAX_REPLICAS)?;
        // A write can't wait for more replicas than there are.
        let max = if replicas == 0 { MAX_REPLICAS } else { replicas };
        let write_consistency = check_at_most("write_consistency_factor", options.write_consistency_factor, max)?;
        let mut keys = options.shard_keys.clone();
        // Sorted so that duplicates are adjacent; the order of the keys has no meaning.
        keys.sort_unstable();
        let problem = if keys.len() > MAX_SHARD_KEYS {
            Some(format!("the list has {} keys; send at most {MAX_SHARD_KEYS}", keys.len()))
        } else if keys.iter().any(|key| !(1..=MAX_NAME_BYTES).contains(&key.len())) {
            Some(format!("a key is empty or too long; send keys of 1 to {MAX_NAME_BYTES} bytes"))
        } else if keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            Some("a key occurs twice; send each key once".to_owned())
        } else {
            None
        };
        match problem {
            Some(message) => Err(invalid_argument("shard_keys", message)),
            None => Ok(Self { shards, replicas, write_consistency, shard_keys: keys }),
        }
    }
}

fn check_at_most(field: &str, value: u32, max: u32) -> Result<u32, ApiError> {
    if value <= max {
        return Ok(value);
    }
    Err(invalid_argument(field, format!("{value} is out of range; send 1 to {max}, or 0 for the store's default")))
}
