//! How a collection is made, and what can be read of one that somebody else made.
//!
//! Qdrant has no place of its own for who writes a collection, so that is kept in the collection's metadata, which
//! servers before 1.16 neither keep nor return: there, a collection looks as if it was not made by this service.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors_config::Config;

use crate::store::{CollectionInfo, StoreError};
use crate::types::{CollectionSpec, Datatype, DenseSpec, Distance, Fingerprint, Sharding};

/// The sparse vector that is ours where a collection has several.
const USUAL_VECTOR_NAME: &str = "splade";
const MODEL: &str = "splade_model";
const FINGERPRINT: &str = "splade_fingerprint";
const DTYPE: &str = "splade_dtype";
const INCARNATION: &str = "splade_incarnation";

/// The request that makes a collection.
pub(super) fn create(name: &str, spec: &CollectionSpec) -> qdrant::CreateCollection {
    let sparse = HashMap::from([(spec.vector_name.clone(), sparse_params(spec))]);
    let dense = spec.dense.iter().map(|(name, dense)| (name.clone(), dense_params(dense))).collect();
    let dense = qdrant::VectorsConfig { config: Some(Config::ParamsMap(qdrant::VectorParamsMap { map: dense })) };
    let fingerprint = spec.fingerprint.as_ref().map_or("", |Fingerprint(hash)| hash);
    let metadata =
        [(FINGERPRINT, fingerprint), (MODEL, &spec.model), (DTYPE, &spec.dtype), (INCARNATION, &spec.incarnation)];
    let metadata = metadata.into_iter().filter(|(_, value)| !value.is_empty());
    qdrant::CreateCollection {
        collection_name: name.to_owned(),
        vectors_config: (!spec.dense.is_empty()).then_some(dense),
        sparse_vectors_config: Some(qdrant::SparseVectorConfig { map: sparse }),
        shard_number: chosen(spec.sharding.shards),
        replication_factor: chosen(spec.sharding.replicas),
        write_consistency_factor: chosen(spec.sharding.write_consistency),
        sharding_method: (!spec.sharding.keys.is_empty()).then(|| qdrant::ShardingMethod::Custom.into()),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.into())).collect(),
        ..qdrant::CreateCollection::default()
    }
}

/// 0 leaves it to Qdrant.
fn chosen(value: u32) -> Option<u32> {
    (value > 0).then_some(value)
}

/// What the server says of a collection, but for its shard keys.
pub(super) fn info(name: &str, info: Option<qdrant::CollectionInfo>) -> Result<CollectionInfo, StoreError> {
    let incomplete = || StoreError::Failed(format!("Qdrant described collection `{name}` without its configuration"));
    let info = info.ok_or_else(incomplete)?;
    let config = info.config.ok_or_else(incomplete)?;
    let params = config.params.ok_or_else(incomplete)?;
    let sharding = Sharding {
        shards: params.shard_number,
        replicas: params.replication_factor.unwrap_or(1),
        write_consistency: params.write_consistency_factor.unwrap_or(1),
        keys: Vec::new(),
    };
    let sparse = params.sparse_vectors_config.unwrap_or_default().map;
    let vector_name = sparse_vector_name(name, &sparse)?;
    let index = sparse.get(&vector_name).and_then(|params| params.index).unwrap_or_default();
    let spec = CollectionSpec {
        on_disk_index: on_disk(&index),
        datatype: datatype(index.datatype()),
        dense: dense(params.vectors_config),
        model: text(&config.metadata, MODEL).unwrap_or_default(),
        fingerprint: text(&config.metadata, FINGERPRINT).map(Fingerprint),
        dtype: text(&config.metadata, DTYPE).unwrap_or_default(),
        incarnation: text(&config.metadata, INCARNATION).unwrap_or_default(),
        vector_name,
        sharding,
    };
    Ok(CollectionInfo { name: name.to_owned(), spec, point_count: info.points_count.unwrap_or_default() })
}

/// The vector named `splade`, or the only one.
fn sparse_vector_name(
    collection: &str,
    sparse: &HashMap<String, qdrant::SparseVectorParams>,
) -> Result<String, StoreError> {
    let mut names: Vec<&str> = sparse.keys().map(String::as_str).collect();
    names.sort_unstable();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        names if names.contains(&USUAL_VECTOR_NAME) => Ok(USUAL_VECTOR_NAME.to_owned()),
        [] => Err(StoreError::Refused(format!(
            "collection `{collection}` has no sparse vector; add one named `{USUAL_VECTOR_NAME}` to it, or use another \
             collection"
        ))),
        names => Err(StoreError::Refused(format!(
            "collection `{collection}` has several sparse vectors ({}) and none is named `{USUAL_VECTOR_NAME}`; use a \
             collection with one",
            names.join(", ")
        ))),
    }
}

#[expect(deprecated, reason = "servers before Qdrant 1.19 know no `memory`, and would ignore it")]
fn sparse_params(spec: &CollectionSpec) -> qdrant::SparseVectorParams {
    let datatype = match spec.datatype {
        Datatype::Float32 => qdrant::Datatype::Float32,
        Datatype::Float16 => qdrant::Datatype::Float16,
        Datatype::Uint8 => qdrant::Datatype::Uint8,
    };
    let index = qdrant::SparseIndexConfig {
        on_disk: Some(spec.on_disk_index),
        datatype: Some(datatype.into()),
        ..qdrant::SparseIndexConfig::default()
    };
    qdrant::SparseVectorParams { index: Some(index), ..qdrant::SparseVectorParams::default() }
}

fn dense_params(dense: &DenseSpec) -> qdrant::VectorParams {
    let distance = match dense.distance {
        Distance::Cosine => qdrant::Distance::Cosine,
        Distance::Dot => qdrant::Distance::Dot,
        Distance::Euclid => qdrant::Distance::Euclid,
    };
    qdrant::VectorParams { size: dense.size.into(), distance: distance.into(), ..qdrant::VectorParams::default() }
}

#[expect(deprecated, reason = "servers before Qdrant 1.19 send no `memory`")]
fn on_disk(index: &qdrant::SparseIndexConfig) -> bool {
    match index.memory() {
        qdrant::Memory::Unknown => index.on_disk.unwrap_or(false),
        qdrant::Memory::Cold => true,
        qdrant::Memory::Cached | qdrant::Memory::Pinned => false,
    }
}

/// The number format of an index. Formats that sparse indexes don't have are read as the default.
fn datatype(datatype: qdrant::Datatype) -> Datatype {
    match datatype {
        qdrant::Datatype::Float16 => Datatype::Float16,
        qdrant::Datatype::Uint8 => Datatype::Uint8,
        _ => Datatype::Float32,
    }
}

/// The dense vectors that documents can bring along: named, one a point, of a distance that we know.
fn dense(config: Option<qdrant::VectorsConfig>) -> BTreeMap<String, DenseSpec> {
    let Some(Config::ParamsMap(params)) = config.and_then(|config| config.config) else { return BTreeMap::new() };
    params.map.into_iter().filter_map(|(name, params)| Some((name, dense_spec(&params)?))).collect()
}

fn dense_spec(params: &qdrant::VectorParams) -> Option<DenseSpec> {
    let distance = match params.distance() {
        qdrant::Distance::Cosine => Distance::Cosine,
        qdrant::Distance::Dot => Distance::Dot,
        qdrant::Distance::Euclid => Distance::Euclid,
        qdrant::Distance::Manhattan | qdrant::Distance::UnknownDistance => return None,
    };
    let single = params.multivector_config.is_none();
    single.then_some(DenseSpec { size: u32::try_from(params.size).ok()?, distance })
}

fn text(metadata: &HashMap<String, qdrant::Value>, key: &str) -> Option<String> {
    match metadata.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> CollectionSpec {
        CollectionSpec {
            vector_name: "terms".to_owned(),
            on_disk_index: true,
            datatype: Datatype::Float16,
            dense: [("image".to_owned(), DenseSpec { size: 3, distance: Distance::Euclid })].into(),
            model: "splade-tiny".to_owned(),
            fingerprint: Some(Fingerprint("ab12".to_owned())),
            dtype: "float32".to_owned(),
            incarnation: "f47ac10b".to_owned(),
            sharding: Sharding { shards: 6, replicas: 2, write_consistency: 2, keys: Vec::new() },
        }
    }

    /// What Qdrant returns of a collection that was made by this request.
    fn described(request: qdrant::CreateCollection) -> qdrant::CollectionInfo {
        let params = qdrant::CollectionParams {
            vectors_config: request.vectors_config,
            sparse_vectors_config: request.sparse_vectors_config,
            shard_number: request.shard_number.unwrap_or(1),
            replication_factor: request.replication_factor,
            write_consistency_factor: request.write_consistency_factor,
            sharding_method: request.sharding_method,
            ..Default::default()
        };
        let config =
            qdrant::CollectionConfig { params: Some(params), metadata: request.metadata, ..Default::default() };
        qdrant::CollectionInfo { config: Some(config), points_count: Some(5), ..Default::default() }
    }

    fn with_sparse_vectors(names: &[&str]) -> Result<CollectionInfo, StoreError> {
        let mut request = create("docs", &spec());
        let map = names.iter().map(|&name| (name.to_owned(), qdrant::SparseVectorParams::default())).collect();
        request.sparse_vectors_config = Some(qdrant::SparseVectorConfig { map });
        info("docs", Some(described(request)))
    }

    #[test]
    fn what_was_asked_for_is_read_back() {
        let plain = CollectionSpec {
            on_disk_index: false,
            datatype: Datatype::Uint8,
            dense: BTreeMap::new(),
            fingerprint: None,
            sharding: Sharding::single(),
            ..spec()
        };
        for spec in [spec(), plain] {
            let read = info("docs", Some(described(create("docs", &spec)))).unwrap();
            assert_eq!(read, CollectionInfo { name: "docs".to_owned(), spec, point_count: 5 });
        }
    }

    #[test]
    fn a_server_that_keeps_no_metadata_forgets_the_encoder_only() {
        let mut described = described(create("docs", &spec()));
        described.config.as_mut().unwrap().metadata.clear();
        let read = info("docs", Some(described)).unwrap();
        let (model, dtype, incarnation) = Default::default();
        assert_eq!(read.spec, CollectionSpec { model, fingerprint: None, dtype, incarnation, ..spec() });
    }

    #[test]
    fn the_sparse_vector_is_the_usual_one_or_the_only_one() {
        for (names, chosen) in [(&["terms"][..], "terms"), (&["a", "splade", "z"], "splade")] {
            assert_eq!(with_sparse_vectors(names).unwrap().spec.vector_name, chosen);
        }
        for (names, reason) in [(&[][..], "has no sparse vector"), (&["b", "a"], "several sparse vectors (a, b)")] {
            let Err(StoreError::Refused(message)) = with_sparse_vectors(names) else { panic!("accepted {names:?}") };
            assert!(message.contains(reason) && message.contains("`docs`"), "{message}");
        }
    }

    #[test]
    fn dense_vectors_that_documents_cannot_bring_are_left_out() {
        let params = |distance: qdrant::Distance| qdrant::VectorParams {
            size: 2,
            distance: distance.into(),
            ..Default::default()
        };
        let multi =
            qdrant::VectorParams { multivector_config: Some(Default::default()), ..params(qdrant::Distance::Dot) };
        let map = [
            ("kept".to_owned(), params(qdrant::Distance::Cosine)),
            ("manhattan".to_owned(), params(qdrant::Distance::Manhattan)),
            ("multi".to_owned(), multi),
        ];
        let config = |config| Some(qdrant::VectorsConfig { config: Some(config) });
        let named = dense(config(Config::ParamsMap(qdrant::VectorParamsMap { map: map.into() })));
        assert_eq!(named, [("kept".to_owned(), DenseSpec { size: 2, distance: Distance::Cosine })].into());
        assert!(dense(config(Config::Params(params(qdrant::Distance::Cosine)))).is_empty());
    }

    #[test]
    fn the_placement_of_an_index_is_read_from_either_field() {
        #[expect(deprecated, reason = "what servers before Qdrant 1.19 send")]
        let index = |on_disk, memory: Option<qdrant::Memory>| qdrant::SparseIndexConfig {
            on_disk,
            memory: memory.map(i32::from),
            ..Default::default()
        };
        assert!(on_disk(&index(Some(true), None)));
        assert!(on_disk(&index(None, Some(qdrant::Memory::Cold))));
        assert!(!on_disk(&index(Some(true), Some(qdrant::Memory::Pinned))));
        assert!(!on_disk(&index(None, None)));
    }

    #[test]
    fn a_description_without_a_configuration_is_the_servers_fault() {
        for described in [None, Some(qdrant::CollectionInfo::default())] {
            assert!(matches!(info("docs", described), Err(StoreError::Failed(_))));
        }
    }
}
