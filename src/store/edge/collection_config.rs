//! Conversion of a collection spec into the engine's configuration.

use std::path;

use qdrant_edge::{EdgeConfig, EdgeSparseVectorParams, EdgeVectorParams, HnswIndexConfig, VectorStorageDatatype};

use crate::store::StoreError;
use crate::types::{CollectionSpec, Datatype, Distance, Sharding};

/// Builds the engine's configuration of a new collection.
///
/// # Errors
/// [`StoreError::Refused`] if a vector name is used twice or is not a valid part of a file name, because the engine stores
/// each vector in a directory named after it.
pub(super) fn to_engine_config(spec: &CollectionSpec) -> Result<EdgeConfig, StoreError> {
    if spec.dense.contains_key(&spec.vector_name) {
        return Err(StoreError::Refused(format!(
            "`{}` is the name of both the sparse vector and a dense vector; use a distinct name for each vector",
            spec.vector_name
        )));
    }
    let sparse = EdgeSparseVectorParams::builder()
        .on_disk(spec.on_disk_index)
        .datatype(to_engine_datatype(spec.datatype))
        .build();
    // Dense vectors are stored but never searched here. Building an HNSW graph would dominate the time of an optimization.
    let no_graph = HnswIndexConfig { m: 0, ..HnswIndexConfig::default() };
    let mut config =
        EdgeConfig::builder().hnsw_config(no_graph).sparse_vector(validate_vector_name(&spec.vector_name)?, sparse);
    for (name, dense) in &spec.dense {
        let params = EdgeVectorParams::builder(dense.size as usize, to_engine_distance(dense.distance)).build();
        config = config.vector(validate_vector_name(name)?, params);
    }
    Ok(config.build())
}

fn validate_vector_name(name: &str) -> Result<&str, StoreError> {
    let is_forbidden = |c: char| path::is_separator(c) || c == '\\' || c.is_control();
    if name.is_empty() || name.len() > 128 || name.contains(is_forbidden) {
        return Err(StoreError::Refused(format!(
            "invalid vector name `{}`; expected 1 to 128 bytes without slashes, backslashes or control characters",
            name.escape_debug()
        )));
    }
    Ok(name)
}

fn to_engine_datatype(datatype: Datatype) -> VectorStorageDatatype {
    match datatype {
        Datatype::Float32 => VectorStorageDatatype::Float32,
        Datatype::Float16 => VectorStorageDatatype::Float16,
        Datatype::Uint8 => VectorStorageDatatype::Uint8,
    }
}

fn to_engine_distance(distance: Distance) -> qdrant_edge::Distance {
    match distance {
        Distance::Cosine => qdrant_edge::Distance::Cosine,
        Distance::Dot => qdrant_edge::Distance::Dot,
        Distance::Euclid => qdrant_edge::Distance::Euclid,
    }
}

/// Checks that a single local directory satisfies the sharding options.
///
/// # Errors
/// [`StoreError::InvalidOption`] with the option that requires several nodes.
pub(super) fn check_sharding(sharding: &Sharding) -> Result<(), StoreError> {
    let Sharding { shards, replicas, write_consistency, shard_keys: keys } = sharding;
    let counts =
        [("shard_count", *shards), ("replication_factor", *replicas), ("write_consistency_factor", *write_consistency)];
    let multiple = counts.into_iter().find(|(_, count)| *count > 1).map(|(option, count)| (option, format!("{count}")));
    let keyed = (!keys.is_empty()).then(|| ("shard_keys", format!("`{}`", keys.join("`, `"))));
    let Some((option, value)) = multiple.or(keyed) else { return Ok(()) };
    let message = format!(
        "{value} is not supported by the embedded store, which has a single node; omit the option, or use a Qdrant cluster \
         (--qdrant-url)"
    );
    Err(StoreError::InvalidOption { option, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::DenseSpec;

    fn spec(vector_name: &str, dense: &[&str]) -> CollectionSpec {
        let dense_spec = DenseSpec { size: 4, distance: Distance::Dot };
        CollectionSpec {
            vector_name: vector_name.into(),
            on_disk_index: false,
            datatype: Datatype::Float32,
            dense: dense.iter().map(|&name| (name.to_owned(), dense_spec)).collect(),
            model: String::new(),
            fingerprint: None,
            dtype: String::new(),
            incarnation: String::new(),
            sharding: Sharding::default(),
        }
    }

    #[test]
    fn options_that_need_several_nodes_are_refused_by_name() {
        assert_eq!(check_sharding(&Sharding::default()), Ok(()));
        assert_eq!(check_sharding(&Sharding::single()), Ok(()));
        for (sharding, named) in [
            (Sharding { shards: 2, ..Sharding::single() }, "shard_count"),
            (Sharding { replicas: 3, ..Sharding::default() }, "replication_factor"),
            (Sharding { write_consistency: 2, ..Sharding::default() }, "write_consistency_factor"),
            (Sharding { shard_keys: vec!["a".to_owned()], ..Sharding::default() }, "shard_keys"),
        ] {
            let Err(StoreError::InvalidOption { option, message }) = check_sharding(&sharding) else {
                panic!("{sharding:?}")
            };
            assert_eq!(option, named);
            assert!(message.contains("--qdrant-url"), "{message}");
        }
    }

    /// The engine stores a vector in the directory `vector_storage-<name>`.
    #[test]
    fn a_vector_name_that_would_leave_the_directory_is_refused() {
        for name in ["", "/etc", "a/../../b", "a\\b", "a\0b", &"n".repeat(129)] {
            assert!(matches!(to_engine_config(&spec(name, &[])), Err(StoreError::Refused(_))), "{name}");
            assert!(matches!(to_engine_config(&spec("splade", &[name])), Err(StoreError::Refused(_))), "{name}");
        }
        assert!(to_engine_config(&spec("splade", &["title", "..", "größe 2"])).is_ok());
    }

    #[test]
    fn vectors_need_names_of_their_own() {
        assert!(matches!(to_engine_config(&spec("splade", &["splade"])), Err(StoreError::Refused(_))));
    }
}
