//! Custom sharding: collections whose points are distributed by shard keys. This service writes to the shards of a single
//! key (`--qdrant-shard-key`), so a new collection must have that key.
//!
//! See docs/adr/0037-qdrant-shard-keys.md.

use std::collections::BTreeSet;

use qdrant_client::qdrant;
use qdrant_client::qdrant::shard_key::Key;

use crate::store::StoreError;

/// Checks that a new collection's shard keys are compatible with the key that is sent with every request.
///
/// # Errors
/// [`StoreError::InvalidOption`] if only one of the two is set, or `keys` does not contain `request_key`.
pub(super) fn check_shard_keys(keys: &[String], request_key: Option<&str>) -> Result<(), StoreError> {
    let join_keys = |keys: &[String]| keys.join("`, `");
    let message = match request_key {
        None if keys.is_empty() => return Ok(()),
        Some(request_key) if keys.iter().any(|key| key == request_key) => return Ok(()),
        None => format!(
            "a collection with shard keys (`{}`) can only be written to by a server with a shard key; omit them, or start \
             the server with one of them (--qdrant-shard-key)",
            join_keys(keys)
        ),
        Some(request_key) => format!(
            "the list lacks the shard key `{request_key}`, which the server writes to (--qdrant-shard-key); add it, or \
             start the server without a shard key"
        ),
    };
    Err(StoreError::InvalidOption { option: "shard_keys", message })
}

/// Builds the request that creates a shard key of a collection.
pub(super) fn build_shard_key_request(name: &str, key: &str) -> qdrant::CreateShardKeyRequest {
    let request = qdrant::CreateShardKey { shard_key: Some(key.into()), ..qdrant::CreateShardKey::default() };
    qdrant::CreateShardKeyRequest { collection_name: name.to_owned(), request: Some(request), timeout: None }
}

/// Returns the error for a failed creation of a shard key after its collection was created. If `error` is retryable, so is
/// the result: a repeated request creates the key in the existing collection.
pub(super) fn shard_key_creation_error(name: &str, key: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason)
        | StoreError::Interrupted(reason)
        | StoreError::Internal(reason)
        | StoreError::Timeout(reason)
        | StoreError::Overloaded { message: reason, .. } => StoreError::Unavailable(format!(
            "collection `{name}` exists, but its shard key `{key}` could not be created yet ({reason}); ingest again \
             with create_collection"
        )),
        error => StoreError::Failed(format!(
            "collection `{name}` exists, but its shard key `{key}` can't be created ({error}); shard keys require a \
             Qdrant cluster: create the key there, or delete the collection and create it again"
        )),
    }
}

/// Returns the error for a server with a shard key and a collection without shard keys: Qdrant would refuse each request.
pub(super) fn not_sharded_error(name: &str, request_key: &str) -> StoreError {
    StoreError::Refused(format!(
        "collection `{name}` has no shard keys, but the server writes to the shard key `{request_key}` \
         (--qdrant-shard-key); use another collection, or start the server without a shard key"
    ))
}

/// Returns the shard keys to add to a collection with the keys `existing`, so that it has all of `requested` and
/// `request_key`, which is sent with every request.
pub(super) fn find_missing_keys<'a>(
    existing: &[String],
    requested: &'a [String],
    request_key: &'a str,
) -> Vec<&'a str> {
    let wanted =
        std::iter::once(request_key).chain(requested.iter().map(String::as_str).filter(|key| *key != request_key));
    wanted.filter(|key| existing.iter().all(|existing_key| existing_key != key)).collect()
}

/// Returns whether a collection uses custom sharding, so that its shard keys must be requested separately.
pub(super) fn has_shard_keys(info: Option<&qdrant::CollectionInfo>) -> bool {
    let params = info.and_then(|info| info.config.as_ref()?.params.as_ref());
    params.is_some_and(|params| params.sharding_method() == qdrant::ShardingMethod::Custom)
}

/// Returns the shard keys of a collection, sorted and without duplicates. Numeric keys are converted to strings.
pub(super) fn collect_shard_keys(cluster: qdrant::CollectionClusterInfoResponse) -> Vec<String> {
    let local = cluster.local_shards.into_iter().map(|shard| shard.shard_key);
    let remote = cluster.remote_shards.into_iter().map(|shard| shard.shard_key);
    let keys = local.chain(remote).filter_map(|key| match key?.key? {
        Key::Keyword(text) => Some(text),
        Key::Number(number) => Some(number.to_string()),
    });
    keys.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_keys_without_the_request_key_are_refused() {
        let keys = ["a".to_owned(), "b".to_owned()];
        for (keys, carried) in [(&[][..], None), (&keys, Some("a")), (&keys, Some("b"))] {
            assert_eq!(check_shard_keys(keys, carried), Ok(()));
        }
        for (keys, carried, part) in [
            (&keys[..], None, "start the server with one of them"),
            (&keys, Some("c"), "lacks the shard key `c`"),
            (&[], Some("a"), "add it"),
        ] {
            let Err(StoreError::InvalidOption { option, message }) = check_shard_keys(keys, carried) else {
                panic!("{keys:?} {carried:?}")
            };
            assert_eq!(option, "shard_keys");
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn only_missing_shard_keys_are_added() {
        let keys = |keys: &[&str]| -> Vec<String> { keys.iter().map(|&key| key.to_owned()).collect() };
        for (existing, requested, missing) in [
            (&[][..], &[][..], &["a"][..]),
            (&["a"], &[], &[]),
            (&["b"], &["a", "b", "c"], &["a", "c"]),
            (&["a", "b"], &["b", "a"], &[]),
        ] {
            assert_eq!(find_missing_keys(&keys(existing), &keys(requested), "a"), missing);
        }
    }

    #[test]
    fn a_key_that_may_be_created_later_is_retryable() {
        let full = StoreError::Overloaded { message: "full".to_owned(), retry_after: None };
        for error in [StoreError::Unavailable("x".to_owned()), StoreError::Timeout("x".to_owned()), full] {
            assert!(shard_key_creation_error("docs", "a", error).is_retryable());
        }
        for error in [StoreError::Failed("standalone".to_owned()), StoreError::Refused("no".to_owned())] {
            assert!(!shard_key_creation_error("docs", "a", error).is_retryable());
        }
    }

    #[test]
    fn shard_keys_of_local_and_remote_shards_are_listed_once() {
        let local = |key: qdrant::ShardKey| qdrant::LocalShardInfo { shard_key: Some(key), ..Default::default() };
        let remote = |key: qdrant::ShardKey| qdrant::RemoteShardInfo { shard_key: Some(key), ..Default::default() };
        let cluster = qdrant::CollectionClusterInfoResponse {
            local_shards: vec![local("b".into()), local("a".into()), qdrant::LocalShardInfo::default()],
            remote_shards: vec![remote("a".into()), remote(7.into())],
            ..Default::default()
        };
        assert_eq!(collect_shard_keys(cluster), ["7", "a", "b"]);
        let with = |sharding_method| {
            let params = Some(qdrant::CollectionParams { sharding_method, ..Default::default() });
            let config = Some(qdrant::CollectionConfig { params, ..Default::default() });
            qdrant::CollectionInfo { config, ..Default::default() }
        };
        assert!(has_shard_keys(Some(&with(Some(qdrant::ShardingMethod::Custom.into())))));
        assert!(!has_shard_keys(Some(&with(None))) && !has_shard_keys(None));
    }
}
