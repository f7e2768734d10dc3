//! Conversions of points and ids to the engine's types and back.

use std::collections::{BTreeMap, HashMap};

use qdrant_edge::{PointStructPersisted, VectorInternal, VectorPersisted, VectorStructInternal, VectorStructPersisted};

use crate::store::{StoreError, WithVectors};
use crate::types::{CollectionSpec, DenseSpec, Payload, Point, PointId, SparseVector, StoredPoint};

pub(super) fn to_engine_id(id: PointId) -> qdrant_edge::PointId {
    match id {
        PointId::Num(num) => qdrant_edge::PointId::NumId(num),
        PointId::Uuid(uuid) => qdrant_edge::PointId::Uuid(uuid),
    }
}

pub(super) fn from_engine_id(id: qdrant_edge::PointId) -> PointId {
    match id {
        qdrant_edge::PointId::NumId(num) => PointId::Num(num),
        qdrant_edge::PointId::Uuid(uuid) => PointId::Uuid(uuid),
    }
}

/// Converts points to the engine's type. Validates all points first: the engine itself would write the points that precede
/// an invalid one.
///
/// # Errors
/// [`StoreError::Refused`] if the collection has no dense vector of a point's vector name, or the dimensions differ.
pub(super) fn to_engine_points(
    spec: &CollectionSpec,
    points: &[Point],
) -> Result<Vec<PointStructPersisted>, StoreError> {
    points.iter().map(|point| to_engine_point(spec, point)).collect()
}

fn to_engine_point(spec: &CollectionSpec, point: &Point) -> Result<PointStructPersisted, StoreError> {
    let mut vectors = HashMap::with_capacity(1 + point.dense.len());
    for (name, values) in &point.dense {
        check_dense_vector(&spec.dense, name, values.len())?;
        vectors.insert(name.clone(), VectorPersisted::Dense(values.clone()));
    }
    vectors.insert(spec.vector_name.clone(), VectorPersisted::Sparse(to_engine_sparse(point.sparse.clone())));
    Ok(PointStructPersisted {
        id: to_engine_id(point.id),
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(qdrant_edge::Payload(point.payload.clone())),
    })
}

fn check_dense_vector(specs: &BTreeMap<String, DenseSpec>, name: &str, size: usize) -> Result<(), StoreError> {
    let message = match specs.get(name) {
        Some(spec) if spec.size as usize == size => return Ok(()),
        Some(spec) => format!("the dense vector `{name}` has {size} dimensions; the collection expects {}", spec.size),
        None if specs.is_empty() => format!("unexpected dense vector `{name}`; the collection has no dense vectors"),
        None => {
            let names: Vec<_> = specs.keys().map(|name| format!("`{name}`")).collect();
            format!("the collection has no dense vector `{name}`; its dense vectors are {}", names.join(", "))
        }
    };
    Err(StoreError::Refused(message))
}

/// Converts a sparse vector to the engine's type. The engine requires unique indices, which [`SparseVector`] guarantees.
pub(super) fn to_engine_sparse(vector: SparseVector) -> qdrant_edge::SparseVector {
    let (indices, values) = vector.into_parts();
    qdrant_edge::SparseVector { indices, values }
}

/// Builds a stored point from the engine's fields, with the requested vectors.
pub(super) fn from_engine_point(
    id: qdrant_edge::PointId,
    score: f32,
    payload: Option<qdrant_edge::Payload>,
    found: Option<VectorStructInternal>,
    vectors: &WithVectors,
) -> StoredPoint {
    let mut found = match found {
        Some(VectorStructInternal::Named(found)) => found,
        _ => Default::default(),
    };
    let sparse = vectors.sparse.as_ref().map(|name| match found.remove(name) {
        Some(VectorInternal::Sparse(vector)) => SparseVector::from_stored(vector.indices, vector.values),
        _ => SparseVector::default(),
    });
    let dense = found.into_iter().filter_map(|(name, vector)| match vector {
        VectorInternal::Dense(values) => Some((name, values)),
        VectorInternal::Sparse(_) | VectorInternal::MultiDense(_) => None,
    });
    let payload: Payload = payload.map(|payload| payload.0).unwrap_or_default();
    StoredPoint::new(from_engine_id(id), score, payload, sparse).with_dense(dense.collect())
}
