//! How collections are created, checked; and how they are described.

use std::collections::{BTreeMap, HashMap};

use super::options::{MAX_NAME_BYTES, invalid};
use crate::model::Model;
use crate::proto;
use crate::store::CollectionInfo;
use crate::types::{CollectionSpec, Datatype, DenseSpec, Distance, Fault, Sharding};

const DEFAULT_VECTOR_NAME: &str = "splade";
/// Maximum number of dimensions of a dense vector.
pub const MAX_DIMENSIONS: u32 = 65_536;
/// Maximum number of shards of a collection, or of a key of it.
pub const MAX_SHARDS: u32 = 1_024;
/// Maximum number of nodes that hold a shard.
pub const MAX_REPLICAS: u32 = 64;
/// Maximum number of shard keys of a collection.
pub const MAX_SHARD_KEYS: usize = 256;

/// Checks how a collection is to be created, to be written by `model`.
///
/// # Errors
/// An option that is invalid, by its field.
pub fn parse_collection_options(
    options: Option<proto::CollectionOptions>,
    model: &Model,
) -> Result<CollectionSpec, Fault> {
    let options = options.unwrap_or_default();
    let sharding = parse_sharding(&options)?;
    let proto::CollectionOptions { sparse_vectors, dense_vectors, .. } = options;
    let (vector_name, sparse) = parse_sparse_vector(sparse_vectors, model)?;
    let dense = dense_vectors.into_iter().map(|(name, options)| {
        if name.is_empty() {
            return Err(invalid("dense_vectors", "one has no name; give it one"));
        }
        let field = format!("dense_vectors.{name}");
        check_vector_name(&field, &name)?;
        if name == vector_name {
            return Err(invalid(&field, "the sparse vector has this name; use another"));
        }
        Ok((name, parse_dense_vector(&options).map_err(|fault| fault.within(&field))?))
    });
    let dense = dense.collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(CollectionSpec {
        on_disk_index: sparse.on_disk_index,
        datatype: parse_datatype(sparse.datatype)
            .map_err(|fault| fault.within(&format!("sparse_vectors.{vector_name}")))?,
        dense,
        model: model.name.clone(),
        fingerprint: Some(model.fingerprint.clone()),
        dtype: model.precision.to_string(),
        incarnation: String::new(),
        vector_name,
        sharding,
    })
}

/// Returns the one sparse vector and its name. What a response says of its writer may be sent back, if it is this model.
fn parse_sparse_vector(
    vectors: HashMap<String, proto::SparseVectorOptions>,
    model: &Model,
) -> Result<(String, proto::SparseVectorOptions), Fault> {
    let count = vectors.len();
    let mut vectors = vectors.into_iter();
    let (name, options) = match (vectors.next(), count) {
        (None, _) => return Ok((DEFAULT_VECTOR_NAME.to_owned(), proto::SparseVectorOptions::default())),
        (Some(vector), 1) => vector,
        (Some(_), _) => {
            let message = format!("there are {count}; send one, since a collection has one sparse vector");
            return Err(invalid("sparse_vectors", message));
        }
    };
    if name.is_empty() {
        return Err(invalid("sparse_vectors", "it has no name; give it one"));
    }
    let field = format!("sparse_vectors.{name}");
    check_vector_name(&field, &name)?;
    let (fingerprint, dtype) = (model.fingerprint.to_string(), model.precision.to_string());
    for (part, given, actual) in [
        ("model", &options.model, &model.name),
        ("fingerprint", &options.fingerprint, &fingerprint),
        ("dtype", &options.dtype, &dtype),
    ] {
        if !given.is_empty() && given != actual {
            let message = format!(
                "it is `{given}`, and model `{}` that will write the collection has `{actual}`; omit it, or use another model",
                model.name
            );
            return Err(invalid(&format!("{field}.{part}"), message));
        }
    }
    Ok((name, options))
}

fn parse_sharding(options: &proto::CollectionOptions) -> Result<Sharding, Fault> {
    let shards = at_most("shard_count", options.shard_count, MAX_SHARDS)?;
    let replicas = at_most("replication_factor", options.replication_factor, MAX_REPLICAS)?;
    let max = if replicas == 0 { MAX_REPLICAS } else { replicas };
    let write_consistency = at_most("write_consistency_factor", options.write_consistency_factor, max)?;
    let mut keys = options.shard_keys.clone();
    keys.sort_unstable();
    let problem = if keys.len() > MAX_SHARD_KEYS {
        Some(format!("there are {}; send at most {MAX_SHARD_KEYS}", keys.len()))
    } else if keys.iter().any(|key| !(1..=MAX_NAME_BYTES).contains(&key.len())) {
        Some(format!("a key has 1 to {MAX_NAME_BYTES} bytes; send such keys"))
    } else if keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        Some("two of them are the same; send each once".to_owned())
    } else {
        None
    };
    match problem {
        Some(message) => Err(invalid("shard_keys", message)),
        None => Ok(Sharding { shards, replicas, write_consistency, keys }),
    }
}

fn at_most(field: &str, value: u32, max: u32) -> Result<u32, Fault> {
    if value <= max {
        return Ok(value);
    }
    Err(invalid(field, format!("it is {value}; send 1 to {max}, or 0 for the store's default")))
}

/// A store makes directories of vector names.
fn check_vector_name(field: &str, name: &str) -> Result<(), Fault> {
    let allowed = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if allowed && (1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    Err(invalid(
        field,
        format!("a vector's name has 1 to {MAX_NAME_BYTES} characters of A–Z a–z 0–9 _ and -; use such a name"),
    ))
}

fn parse_datatype(value: i32) -> Result<Datatype, Fault> {
    match proto::VectorDatatype::try_from(value) {
        Ok(proto::VectorDatatype::Unspecified | proto::VectorDatatype::Float32) => Ok(Datatype::Float32),
        Ok(proto::VectorDatatype::Float16) => Ok(Datatype::Float16),
        Ok(proto::VectorDatatype::Uint8) => Ok(Datatype::Uint8),
        Err(_) => Err(invalid("datatype", format!("{value} is not a value of VectorDatatype; use one that is"))),
    }
}

fn parse_distance(value: i32) -> Result<Distance, Fault> {
    match proto::Distance::try_from(value) {
        Ok(proto::Distance::Unspecified | proto::Distance::Cosine) => Ok(Distance::Cosine),
        Ok(proto::Distance::Dot) => Ok(Distance::Dot),
        Ok(proto::Distance::Euclid) => Ok(Distance::Euclid),
        Err(_) => Err(invalid("distance", format!("{value} is not a value of Distance; use one that is"))),
    }
}

fn parse_dense_vector(options: &proto::DenseVectorOptions) -> Result<DenseSpec, Fault> {
    let distance = parse_distance(options.distance)?;
    match options.size {
        size @ 1..=MAX_DIMENSIONS => Ok(DenseSpec { size, distance }),
        size => Err(invalid("size", format!("it is {size}; send 1 to {MAX_DIMENSIONS}"))),
    }
}

/// Describes a collection.
pub fn to_collection(info: CollectionInfo) -> proto::Collection {
    let CollectionInfo { name, spec, point_count } = info;
    let incarnation = spec.incarnation.clone();
    proto::Collection {
        name,
        incarnation,
        point_count: i64::try_from(point_count).unwrap_or(i64::MAX),
        options: Some(to_collection_options(spec)),
    }
}

fn to_collection_options(spec: CollectionSpec) -> proto::CollectionOptions {
    let dense_vectors = spec.dense.into_iter().map(|(name, DenseSpec { size, distance })| {
        let distance = match distance {
            Distance::Cosine => proto::Distance::Cosine,
            Distance::Dot => proto::Distance::Dot,
            Distance::Euclid => proto::Distance::Euclid,
        };
        (name, proto::DenseVectorOptions { size, distance: distance.into() })
    });
    let datatype = match spec.datatype {
        Datatype::Float32 => proto::VectorDatatype::Float32,
        Datatype::Float16 => proto::VectorDatatype::Float16,
        Datatype::Uint8 => proto::VectorDatatype::Uint8,
    };
    let sparse = proto::SparseVectorOptions {
        model: spec.model,
        fingerprint: spec.fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
        dtype: spec.dtype,
        on_disk_index: spec.on_disk_index,
        datatype: datatype.into(),
    };
    proto::CollectionOptions {
        sparse_vectors: [(spec.vector_name, sparse)].into(),
        dense_vectors: dense_vectors.collect(),
        shard_count: spec.sharding.shards,
        replication_factor: spec.sharding.replicas,
        write_consistency_factor: spec.sharding.write_consistency,
        shard_keys: spec.sharding.keys,
    }
}
