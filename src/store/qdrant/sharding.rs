//! Custom sharding: collections whose points are spread by keys. A server writes to the shards of one key, so a collection is
//! created with that key or not at all.
//!
//! See docs/adr/0037-qdrant-shard-keys.md.

use std::collections::BTreeSet;

use qdrant_client::qdrant;
use qdrant_client::qdrant::shard_key::Key;

use crate::store::StoreError;

/// Whether points could be written to a collection of these shard keys, given the key that every request carries.
///
/// # Errors
/// If there is the one and not the other, or they don't fit.
pub(super) fn check_shard_keys(keys: &[String], request_key: Option<&str>) -> Result<(), StoreError> {
    let join_keys = |keys: &[String]| keys.join("`, `");
    let message = match request_key {
        None if keys.is_empty() => return Ok(()),
        Some(request_key) if keys.iter().any(|key| key == request_key) => return Ok(()),
        None => format!(
            "with keys (`{}`), every write goes to the shards of one, and the server has none; leave them out, or start \
             it with one of them (--qdrant-shard-key)",
            join_keys(keys)
        ),
        Some(request_key) => format!(
            "the server writes to the shard key `{request_key}` (--qdrant-shard-key), which is not among them; add it, or \
             start the server without it"
        ),
    };
    Err(StoreError::InvalidOption { option: "shard_keys", message })
}

/// The request that makes one of a new collection's shard keys.
pub(super) fn build_shard_key_request(name: &str, key: &str) -> qdrant::CreateShardKeyRequest {
    let request = qdrant::CreateShardKey { shard_key: Some(key.into()), ..qdrant::CreateShardKey::default() };
    qdrant::CreateShardKeyRequest { collection_name: name.to_owned(), request: Some(request), timeout: None }
}

/// Returns what it means that a collection exists and the creation of its shard key failed. Where the same request may
/// succeed later, the client can send it again: the key is then created in the collection that is there.
pub(super) fn shard_key_creation_error(name: &str, key: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(reason)
        | StoreError::Interrupted(reason)
        | StoreError::Internal(reason)
        | StoreError::Timeout(reason)
        | StoreError::Overloaded { message: reason, .. } => StoreError::Unavailable(format!(
            "collection `{name}` exists, and its shard key `{key}` could not be created yet ({reason}); ingest again \
             with create_collection"
        )),
        error => StoreError::Failed(format!(
            "collection `{name}` exists, and its shard key `{key}` can't be created ({error}); shard keys need a \
             Qdrant cluster: create the key there, or delete the collection and create it again"
        )),
    }
}

/// Returns the error for a server that carries a shard key and a collection without any: Qdrant would refuse each
/// request.
pub(super) fn not_sharded_error(name: &str, request_key: &str) -> StoreError {
    StoreError::Refused(format!(
        "collection `{name}` is not sharded by key, and the server writes to the shard key `{request_key}` \
         (--qdrant-shard-key); use another collection, or start the server without it"
    ))
}

/// Returns the shard keys to add to a collection that has `existing`, so that it has all of `requested` and the one
/// that every request carries.
pub(super) fn find_missing_keys<'a>(
    existing: &[String],
    requested: &'a [String],
    request_key: &'a str,
) -> Vec<&'a str> {
    let wanted =
        std::iter::once(request_key).chain(requested.iter().map(String::as_str).filter(|key| *key != request_key));
    wanted.filter(|key| existing.iter().all(|existing_key| existing_key != key)).collect()
}

/// Whether Qdrant has to be asked for a collection's shard keys.
pub(super) fn has_shard_keys(info: Option<&qdrant::CollectionInfo>) -> bool {
    let params = info.and_then(|info| info.config.as_ref()?.params.as_ref());
    params.is_some_and(|params| params.sharding_method() == qdrant::ShardingMethod::Custom)
}

/// The shard keys of a collection, in their order. Numbers are told as texts.
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
    fn shard_keys_fit_the_key_that_requests_carry_or_are_refused() {
        let keys = ["a".to_owned(), "b".to_owned()];
        for (keys, carried) in [(&[][..], None), (&keys, Some("a")), (&keys, Some("b"))] {
            assert_eq!(check_shard_keys(keys, carried), Ok(()));
        }
        for (keys, carried, part) in [
            (&keys[..], None, "start it with one of them"),
            (&keys, Some("c"), "`c` (--qdrant-shard-key), which is not among them"),
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
    fn shard_keys_are_told_once_wherever_their_shards_are() {
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
