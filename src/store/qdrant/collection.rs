//! Conversion between collection specs and Qdrant's collection parameters, including collections that other programs
//! created.
//!
//! The model that writes a collection is recorded in the collection's metadata. Servers before 1.16 neither store nor return
//! metadata: there, a collection looks as if another program had created it.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors_config::Config;

use crate::store::{CollectionInfo, StoreError};
use crate::types::{CollectionSpec, Datatype, DenseSpec, Distance, Fingerprint, Sharding};

/// Name of the sparse vector to use if a collection has several.
const DEFAULT_VECTOR_NAME: &str = "splade";
const MODEL_KEY: &str = "splade_model";
const FINGERPRINT_KEY: &str = "splade_fingerprint";
const DTYPE_KEY: &str = "splade_dtype";
const INCARNATION_KEY: &str = "splade_incarnation";

/// Builds the request that creates a collection.
pub(super) fn build_create_request(name: &str, spec: &CollectionSpec) -> qdrant::CreateCollection {
    let sparse = HashMap::from([(spec.vector_name.clone(), to_sparse_params(spec))]);
    let dense = spec.dense.iter().map(|(name, dense)| (name.clone(), to_dense_params(dense))).collect();
    let dense = qdrant::VectorsConfig { config: Some(Config::ParamsMap(qdrant::VectorParamsMap { map: dense })) };
    let fingerprint = spec.fingerprint.as_ref().map_or("", |Fingerprint(hash)| hash);
    let metadata = [
        (FINGERPRINT_KEY, fingerprint),
        (MODEL_KEY, &spec.model),
        (DTYPE_KEY, &spec.dtype),
        (INCARNATION_KEY, &spec.incarnation),
    ];
    let metadata = metadata.into_iter().filter(|(_, value)| !value.is_empty());
    qdrant::CreateCollection {
        collection_name: name.to_owned(),
        vectors_config: (!spec.dense.is_empty()).then_some(dense),
        sparse_vectors_config: Some(qdrant::SparseVectorConfig { map: sparse }),
        shard_number: non_zero(spec.sharding.shards),
        replication_factor: non_zero(spec.sharding.replicas),
        write_consistency_factor: non_zero(spec.sharding.write_consistency),
        sharding_method: (!spec.sharding.shard_keys.is_empty()).then(|| qdrant::ShardingMethod::Custom.into()),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.into())).collect(),
        ..qdrant::CreateCollection::default()
    }
}

/// Maps 0 to `None`, which selects Qdrant's default.
fn non_zero(value: u32) -> Option<u32> {
    (value > 0).then_some(value)
}

/// Parses the server's description of a collection. The shard keys are not part of it and stay empty.
///
/// # Errors
/// [`StoreError::Refused`] if it has no suitable sparse vector; [`StoreError::Failed`] if the response is incomplete.
pub(super) fn parse_collection_info(
    name: &str,
    info: Option<qdrant::CollectionInfo>,
) -> Result<CollectionInfo, StoreError> {
    let missing_config_error =
        || StoreError::Failed(format!("Qdrant described collection `{name}` without its configuration"));
    let info = info.ok_or_else(missing_config_error)?;
    let config = info.config.ok_or_else(missing_config_error)?;
    let params = config.params.ok_or_else(missing_config_error)?;
    let sharding = Sharding {
        shards: params.shard_number,
        replicas: params.replication_factor.unwrap_or(1),
        write_consistency: params.write_consistency_factor.unwrap_or(1),
        shard_keys: Vec::new(),
    };
    let sparse = params.sparse_vectors_config.unwrap_or_default().map;
    let vector_name = find_sparse_vector_name(name, &sparse)?;
    let index = sparse.get(&vector_name).and_then(|params| params.index).unwrap_or_default();
    let spec = CollectionSpec {
        on_disk_index: is_on_disk(&index),
        datatype: parse_datatype(index.datatype()),
        dense: parse_dense_specs(params.vectors_config),
        model: get_text(&config.metadata, MODEL_KEY).unwrap_or_default(),
        fingerprint: get_text(&config.metadata, FINGERPRINT_KEY).map(Fingerprint),
        dtype: get_text(&config.metadata, DTYPE_KEY).unwrap_or_default(),
        incarnation: get_text(&config.metadata, INCARNATION_KEY).unwrap_or_default(),
        vector_name,
        sharding,
    };
    Ok(CollectionInfo { name: name.to_owned(), spec, point_count: info.points_count.unwrap_or_default() })
}

/// Returns the only sparse vector of a collection, or the one named `splade`.
fn find_sparse_vector_name(
    collection: &str,
    sparse: &HashMap<String, qdrant::SparseVectorParams>,
) -> Result<String, StoreError> {
    let mut names: Vec<&str> = sparse.keys().map(String::as_str).collect();
    names.sort_unstable();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        names if names.contains(&DEFAULT_VECTOR_NAME) => Ok(DEFAULT_VECTOR_NAME.to_owned()),
        [] => Err(StoreError::Refused(format!(
            "collection `{collection}` has no sparse vector; add a sparse vector named `{DEFAULT_VECTOR_NAME}`, or use \
             another collection"
        ))),
        names => Err(StoreError::Refused(format!(
            "collection `{collection}` has several sparse vectors ({}), none of them named `{DEFAULT_VECTOR_NAME}`; use a \
             collection with a single sparse vector",
            names.join(", ")
        ))),
    }
}

#[expect(deprecated, reason = "servers before Qdrant 1.19 ignore `memory`")]
fn to_sparse_params(spec: &CollectionSpec) -> qdrant::SparseVectorParams {
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

fn to_dense_params(dense: &DenseSpec) -> qdrant::VectorParams {
    let distance = match dense.distance {
        Distance::Cosine => qdrant::Distance::Cosine,
        Distance::Dot => qdrant::Distance::Dot,
        Distance::Euclid => qdrant::Distance::Euclid,
    };
    qdrant::VectorParams { size: dense.size.into(), distance: distance.into(), ..qdrant::VectorParams::default() }
}

#[expect(deprecated, reason = "servers before Qdrant 1.19 don't send `memory`")]
fn is_on_disk(index: &qdrant::SparseIndexConfig) -> bool {
    match index.memory() {
        qdrant::Memory::Unknown => index.on_disk.unwrap_or(false),
        qdrant::Memory::Cold => true,
        qdrant::Memory::Cached | qdrant::Memory::Pinned => false,
    }
}

/// Converts the dtype of an index. Unknown dtypes, which sparse indexes don't support, map to float32.
fn parse_datatype(datatype: qdrant::Datatype) -> Datatype {
    match datatype {
        qdrant::Datatype::Float16 => Datatype::Float16,
        qdrant::Datatype::Uint8 => Datatype::Uint8,
        _ => Datatype::Float32,
    }
}

/// Returns the dense vectors that documents can provide: named, not multi-vectors, and with a supported distance.
fn parse_dense_specs(config: Option<qdrant::VectorsConfig>) -> BTreeMap<String, DenseSpec> {
    let Some(Config::ParamsMap(params)) = config.and_then(|config| config.config) else { return BTreeMap::new() };
    params.map.into_iter().filter_map(|(name, params)| Some((name, parse_dense_spec(&params)?))).collect()
}

fn parse_dense_spec(params: &qdrant::VectorParams) -> Option<DenseSpec> {
    let distance = match params.distance() {
        qdrant::Distance::Cosine => Distance::Cosine,
        qdrant::Distance::Dot => Distance::Dot,
        qdrant::Distance::Euclid => Distance::Euclid,
        qdrant::Distance::Manhattan | qdrant::Distance::UnknownDistance => return None,
    };
    let is_single_vector = params.multivector_config.is_none();
    is_single_vector.then_some(DenseSpec { size: u32::try_from(params.size).ok()?, distance })
}

fn get_text(metadata: &HashMap<String, qdrant::Value>, key: &str) -> Option<String> {
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
            sharding: Sharding { shards: 6, replicas: 2, write_consistency: 2, shard_keys: Vec::new() },
        }
    }

    /// Simulates Qdrant's description of a collection that this request created.
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
        let mut request = build_create_request("docs", &spec());
        let map = names.iter().map(|&name| (name.to_owned(), qdrant::SparseVectorParams::default())).collect();
        request.sparse_vectors_config = Some(qdrant::SparseVectorConfig { map });
        parse_collection_info("docs", Some(described(request)))
    }

    #[test]
    fn a_requested_spec_is_read_back() {
        let plain = CollectionSpec {
            on_disk_index: false,
            datatype: Datatype::Uint8,
            dense: BTreeMap::new(),
            fingerprint: None,
            sharding: Sharding::single(),
            ..spec()
        };
        for spec in [spec(), plain] {
            let read = parse_collection_info("docs", Some(described(build_create_request("docs", &spec)))).unwrap();
            assert_eq!(read, CollectionInfo { name: "docs".to_owned(), spec, point_count: 5 });
        }
    }

    #[test]
    fn a_server_without_metadata_loses_only_the_model() {
        let mut described = described(build_create_request("docs", &spec()));
        described.config.as_mut().unwrap().metadata.clear();
        let read = parse_collection_info("docs", Some(described)).unwrap();
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
    fn unsupported_dense_vectors_are_omitted() {
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
        let named = parse_dense_specs(config(Config::ParamsMap(qdrant::VectorParamsMap { map: map.into() })));
        assert_eq!(named, [("kept".to_owned(), DenseSpec { size: 2, distance: Distance::Cosine })].into());
        assert!(parse_dense_specs(config(Config::Params(params(qdrant::Distance::Cosine)))).is_empty());
    }

    #[test]
    fn the_placement_of_an_index_is_read_from_either_field() {
        #[expect(deprecated, reason = "sent by servers before Qdrant 1.19")]
        let index = |on_disk, memory: Option<qdrant::Memory>| qdrant::SparseIndexConfig {
            on_disk,
            memory: memory.map(i32::from),
            ..Default::default()
        };
        assert!(is_on_disk(&index(Some(true), None)));
        assert!(is_on_disk(&index(None, Some(qdrant::Memory::Cold))));
        assert!(!is_on_disk(&index(Some(true), Some(qdrant::Memory::Pinned))));
        assert!(!is_on_disk(&index(None, None)));
    }

    #[test]
    fn a_description_without_a_configuration_is_the_servers_fault() {
        for described in [None, Some(qdrant::CollectionInfo::default())] {
            assert!(matches!(parse_collection_info("docs", described), Err(StoreError::Failed(_))));
        }
    }
}
