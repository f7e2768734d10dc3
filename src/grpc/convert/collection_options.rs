//! Options of collections, in requests that create a collection and in descriptions.

use std::collections::BTreeMap;

use super::datatype::parse_datatype;
use super::sparse_vector_options::parse_sparse_vector_options;
use super::vector_name::check_vector_name;
use crate::grpc::errors::invalid_argument;
use crate::model::Model;
use crate::proto;
use crate::types::{ApiError, CollectionSpec, DenseSpec, Sharding};

/// Validates the options of a collection that will be written by `model`.
///
/// # Errors
/// If an option is invalid; the error names the field.
pub fn parse_collection_options(
    options: Option<proto::CollectionOptions>,
    model: &Model,
) -> Result<CollectionSpec, ApiError> {
    let options = options.unwrap_or_default();
    let sharding = Sharding::try_from(&options)?;
    let proto::CollectionOptions { sparse_vectors, dense_vectors, .. } = options;
    let (vector_name, sparse) = parse_sparse_vector_options(sparse_vectors, model)?;
    let dense = dense_vectors.into_iter().map(|(name, options)| {
        if name.is_empty() {
            return Err(invalid_argument("dense_vectors", "the name of a vector is empty; send a name"));
        }
        let field = format!("dense_vectors.{name}");
        check_vector_name(&field, &name)?;
        if name == vector_name {
            return Err(invalid_argument(&field, "the sparse vector has the same name; choose another name"));
        }
        Ok((name, DenseSpec::try_from(options).map_err(|error| error.with_field_prefix(&field))?))
    });
    let dense = dense.collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(CollectionSpec {
        on_disk_index: sparse.on_disk_index,
        datatype: parse_datatype(sparse.datatype)
            .map_err(|error| error.with_field_prefix(&format!("sparse_vectors.{vector_name}")))?,
        dense,
        model: model.name.clone(),
        fingerprint: Some(model.fingerprint.clone()),
        dtype: model.dtype.to_string(),
        // Assigned when the collection is created.
        incarnation: String::new(),
        vector_name,
        sharding,
    })
}

impl From<CollectionSpec> for proto::CollectionOptions {
    fn from(spec: CollectionSpec) -> Self {
        let sparse = proto::SparseVectorOptions {
            model: spec.model,
            fingerprint: spec.fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
            dtype: spec.dtype,
            on_disk_index: spec.on_disk_index,
            datatype: proto::VectorDatatype::from(spec.datatype).into(),
        };
        Self {
            sparse_vectors: [(spec.vector_name, sparse)].into(),
            dense_vectors: spec.dense.into_iter().map(|(name, dense)| (name, dense.into())).collect(),
            shard_count: spec.sharding.shards,
            replication_factor: spec.sharding.replicas,
            write_consistency_factor: spec.sharding.write_consistency,
            shard_keys: spec.sharding.shard_keys,
        }
    }
}
