//! Conversion of points to and from Qdrant's messages.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::vector::Vector as VectorKind;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_output::VectorsOptions as VectorsOutputOptions;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions as PayloadOptions;
use qdrant_client::qdrant::with_vectors_selector::SelectorOptions as VectorsOptionsSelector;
use qdrant_client::qdrant::{query, vector_input, vector_output};
use uuid::Uuid;

use crate::store::{StoreError, WithVectors};
use crate::types::{Digest, Payload, Point, PointId, SparseVector, StoredPoint};

/// Converts a point to write; its sparse vector is named `vector_name`.
pub(super) fn to_point_struct(point: &Point, vector_name: &str) -> qdrant::PointStruct {
    let dense = point.dense.iter().map(|(name, values)| {
        let dense = qdrant::DenseVector { data: values.clone() };
        (name.clone(), to_proto_vector(VectorKind::Dense(dense)))
    });
    let sparse = (vector_name.to_owned(), to_proto_vector(VectorKind::Sparse(to_proto_sparse(point.sparse.clone()))));
    let vectors = qdrant::NamedVectors { vectors: dense.chain([sparse]).collect() };
    qdrant::PointStruct {
        id: Some(to_proto_id(&point.id)),
        payload: to_proto_payload(&point.payload),
        vectors: Some(qdrant::Vectors { vectors_options: Some(VectorsOptions::Vectors(vectors)) }),
    }
}

pub(super) fn to_proto_id(id: &PointId) -> qdrant::PointId {
    let id = match id {
        PointId::Num(num) => PointIdOptions::Num(*num),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    qdrant::PointId { point_id_options: Some(id) }
}

/// Builds the query for the points with the highest dot product with a vector.
pub(super) fn to_nearest_query(vector: SparseVector) -> qdrant::Query {
    let variant = Some(vector_input::Variant::Sparse(to_proto_sparse(vector)));
    qdrant::Query { variant: Some(query::Variant::Nearest(qdrant::VectorInput { variant })) }
}

/// Selects the full payload, or only the fields that [`StoredPoint`] requires.
pub(super) fn select_payload(full: bool) -> qdrant::WithPayloadSelector {
    if !full {
        return select_payload_fields(StoredPoint::RESERVED_FIELDS);
    }
    qdrant::WithPayloadSelector { selector_options: Some(PayloadOptions::Enable(true)) }
}

/// Selects the given fields of the payload.
pub(super) fn select_payload_fields(fields: &[&str]) -> qdrant::WithPayloadSelector {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    let options = PayloadOptions::Include(qdrant::PayloadIncludeSelector { fields });
    qdrant::WithPayloadSelector { selector_options: Some(options) }
}

/// Selects the given vectors; `None` if there are none.
pub(super) fn select_vectors(vectors: &WithVectors) -> Option<qdrant::WithVectorsSelector> {
    let names = vectors.names();
    let selector = qdrant::VectorsSelector { names };
    let options = Some(VectorsOptionsSelector::Include(selector.clone()));
    (!selector.names.is_empty()).then_some(qdrant::WithVectorsSelector { selector_options: options })
}

/// Converts a search hit, with the requested vectors.
pub(super) fn from_scored_point(point: qdrant::ScoredPoint, vectors: &WithVectors) -> Result<StoredPoint, StoreError> {
    build_stored_point(point.id, point.score, point.payload, point.vectors, vectors)
}

/// Converts a point that was read by id or scroll, with the requested vectors. Its score is 0.
pub(super) fn from_retrieved_point(
    point: qdrant::RetrievedPoint,
    vectors: &WithVectors,
) -> Result<StoredPoint, StoreError> {
    build_stored_point(point.id, 0.0, point.payload, point.vectors, vectors)
}

fn build_stored_point(
    id: Option<qdrant::PointId>,
    score: f32,
    payload: HashMap<String, qdrant::Value>,
    found: Option<qdrant::VectorsOutput>,
    vectors: &WithVectors,
) -> Result<StoredPoint, StoreError> {
    let mut found = match found.and_then(|found| found.vectors_options) {
        Some(VectorsOutputOptions::Vectors(named)) => named.vectors,
        _ => HashMap::new(),
    };
    let sparse = vectors.sparse.as_ref().map(|name| from_sparse_output(found.remove(name))).transpose()?;
    let stored = StoredPoint::new(from_proto_id(id)?, score, from_proto_payload(payload), sparse);
    // The sparse vector has been removed from the map, so the others must be dense.
    Ok(stored.with_dense(from_dense_outputs(found)?))
}

/// Returns a point's id and content digest.
pub(super) fn read_digest(point: qdrant::RetrievedPoint) -> Result<(PointId, Option<Digest>), StoreError> {
    Ok((from_proto_id(point.id)?, Digest::from_payload(&from_proto_payload(point.payload))))
}

pub(super) fn from_proto_id(id: Option<qdrant::PointId>) -> Result<PointId, StoreError> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(num)) => Ok(PointId::Num(num)),
        Some(PointIdOptions::Uuid(uuid)) => {
            Ok(PointId::Uuid(Uuid::parse_str(&uuid).map_err(|_| malformed_point_error("id"))?))
        }
        None => Err(malformed_point_error("id")),
    }
}

/// Returns a point's id and payload.
pub(super) fn read_payload(point: qdrant::RetrievedPoint) -> Result<(PointId, Payload), StoreError> {
    Ok((from_proto_id(point.id)?, from_proto_payload(point.payload)))
}

fn from_proto_payload(payload: HashMap<String, qdrant::Value>) -> Payload {
    payload.into_iter().map(|(key, value)| (key, value.into())).collect()
}

/// Converts a sparse vector; a missing one becomes empty, because not all versions of Qdrant distinguish the two.
fn from_sparse_output(output: Option<qdrant::VectorOutput>) -> Result<SparseVector, StoreError> {
    let Some(output) = output else { return Ok(SparseVector::default()) };
    let (indices, values) = take_sparse_parts(output).ok_or_else(|| malformed_point_error("sparse vector"))?;
    Ok(SparseVector::from_stored(indices, values))
}

/// Converts dense vectors by name.
///
/// # Errors
/// [`StoreError::Failed`] if one of them is not dense.
fn from_dense_outputs(
    vectors: HashMap<String, qdrant::VectorOutput>,
) -> Result<BTreeMap<String, Vec<f32>>, StoreError> {
    let dense = vectors.into_iter().map(|(name, output)| {
        let values = take_dense_values(output).ok_or_else(|| malformed_point_error("dense vector"))?;
        Ok((name, values))
    });
    dense.collect()
}

/// Returns the values of a dense vector, from the field used since Qdrant 1.17 or the one used before.
#[expect(deprecated, reason = "servers before Qdrant 1.17 fill this field only")]
fn take_dense_values(output: qdrant::VectorOutput) -> Option<Vec<f32>> {
    match output.vector {
        Some(vector_output::Vector::Dense(dense)) => Some(dense.data),
        None => Some(output.data),
        Some(_) => None,
    }
}

/// Returns the indices and values of a sparse vector, from the field used since Qdrant 1.17 or the ones used before.
#[expect(deprecated, reason = "servers before Qdrant 1.17 fill these fields only")]
fn take_sparse_parts(output: qdrant::VectorOutput) -> Option<(Vec<u32>, Vec<f32>)> {
    match (output.vector, output.indices) {
        (Some(vector_output::Vector::Sparse(sparse)), _) => Some((sparse.indices, sparse.values)),
        (None, Some(indices)) => Some((indices.data, output.data)),
        _ => None,
    }
}

fn to_proto_payload(payload: &Payload) -> HashMap<String, qdrant::Value> {
    payload.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect()
}

fn to_proto_sparse(vector: SparseVector) -> qdrant::SparseVector {
    let (indices, values) = vector.into_parts();
    qdrant::SparseVector { values, indices }
}

fn to_proto_vector(kind: VectorKind) -> qdrant::Vector {
    qdrant::Vector { vector: Some(kind), ..qdrant::Vector::default() }
}

fn malformed_point_error(what: &str) -> StoreError {
    StoreError::Failed(format!("Qdrant sent a point with a malformed {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::types::DocumentId;

    /// Generates JSON that Qdrant can store: integers are signed, numbers are finite.
    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn without_vectors(
        id: Option<qdrant::PointId>,
        payload: HashMap<String, qdrant::Value>,
    ) -> Result<StoredPoint, StoreError> {
        build_stored_point(id, 0.5, payload, None, &WithVectors::default())
    }

    proptest! {
        /// Payloads round-trip; integers stay integers.
        #[test]
        fn payloads_round_trip(value in json()) {
            let sent: Payload = [("field".to_owned(), value)].into_iter().collect();
            let id = Some(to_proto_id(&PointId::Num(1)));
            let back = without_vectors(id, to_proto_payload(&sent)).unwrap();
            prop_assert_eq!(back.payload, sent);
        }

        /// Ids round-trip.
        #[test]
        fn ids_round_trip(num: u64, uuid: u128) {
            for id in [PointId::Num(num), PointId::Uuid(Uuid::from_u128(uuid))] {
                let back = without_vectors(Some(to_proto_id(&id)), HashMap::new()).unwrap();
                prop_assert_eq!(back.id.to_point_id(), id);
            }
        }
    }

    #[test]
    fn a_point_has_its_vectors_by_name() {
        let point = to_point_struct(
            &Point {
                id: PointId::Num(7),
                sparse: SparseVector::new(vec![3, 1], vec![0.5, 2.0]).unwrap(),
                dense: [("image".to_owned(), vec![1.0, 2.0])].into(),
                payload: [("year".to_owned(), json!(1969))].into_iter().collect(),
            },
            "splade",
        );
        assert_eq!(point.payload["year"], 1969.into());
        let Some(VectorsOptions::Vectors(named)) = point.vectors.unwrap().vectors_options else { panic!("not named") };
        let sparse = qdrant::SparseVector { indices: vec![1, 3], values: vec![2.0, 0.5] };
        assert_eq!(named.vectors["splade"].vector, Some(VectorKind::Sparse(sparse)));
        let dense = qdrant::DenseVector { data: vec![1.0, 2.0] };
        assert_eq!(named.vectors["image"].vector, Some(VectorKind::Dense(dense)));
        assert_eq!(named.vectors.len(), 2);
    }

    #[test]
    #[expect(deprecated, reason = "sent by servers before Qdrant 1.17")]
    fn sparse_vectors_are_read_from_new_and_old_servers() {
        let new = qdrant::SparseVector { indices: vec![9, 4], values: vec![1.0, 2.0] };
        let new = qdrant::VectorOutput { vector: Some(vector_output::Vector::Sparse(new)), ..Default::default() };
        let old = Some(qdrant::SparseIndices { data: vec![9, 4] });
        let old = qdrant::VectorOutput { data: vec![1.0, 2.0], indices: old, ..Default::default() };
        for vector in [new, old] {
            let read = from_sparse_output(Some(vector)).unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), [(4, 2.0), (9, 1.0)]);
        }
    }

    #[test]
    #[expect(deprecated, reason = "sent by servers before Qdrant 1.17")]
    fn dense_vectors_are_read_from_new_and_old_servers() {
        let new = vector_output::Vector::Dense(qdrant::DenseVector { data: vec![1.0, 2.0] });
        let new = qdrant::VectorOutput { vector: Some(new), ..Default::default() };
        let old = qdrant::VectorOutput { data: vec![1.0, 2.0], ..Default::default() };
        for vector in [new, old] {
            let read = from_dense_outputs([("image".to_owned(), vector)].into()).unwrap();
            assert_eq!(read, [("image".to_owned(), vec![1.0, 2.0])].into());
        }
        assert_eq!(from_dense_outputs(HashMap::new()), Ok(BTreeMap::new()));
        let sparse = vector_output::Vector::Sparse(qdrant::SparseVector::default());
        let sparse = qdrant::VectorOutput { vector: Some(sparse), ..Default::default() };
        assert!(matches!(from_dense_outputs([("image".to_owned(), sparse)].into()), Err(StoreError::Failed(_))));
    }

    /// A malformed point that another program wrote must not fail the whole page.
    #[test]
    fn a_point_may_lack_the_vector_or_have_a_broken_one() {
        assert_eq!(from_sparse_output(None), Ok(SparseVector::default()));
        for (indices, values, kept) in
            [(vec![1, 1], vec![1.0, 2.0], 1), (vec![1], vec![], 0), (vec![1, 2], vec![f32::NAN, 1.0], 1)]
        {
            let broken = vector_output::Vector::Sparse(qdrant::SparseVector { indices, values });
            let broken = qdrant::VectorOutput { vector: Some(broken), ..Default::default() };
            assert_eq!(from_sparse_output(Some(broken)).unwrap().indices().len(), kept);
        }
    }

    #[test]
    fn a_point_without_an_id_is_the_servers_fault() {
        let wrong = qdrant::PointId { point_id_options: Some(PointIdOptions::Uuid("no uuid".into())) };
        for id in [None, Some(qdrant::PointId::default()), Some(wrong)] {
            assert!(matches!(without_vectors(id, HashMap::new()), Err(StoreError::Failed(_))));
        }
    }

    #[test]
    fn the_reserved_fields_are_always_asked_for() {
        let Some(PayloadOptions::Include(selector)) = select_payload(false).selector_options else { panic!("all") };
        let key = DocumentId::Key("page/1".to_owned());
        let payload = selector.fields.into_iter().map(|field| (field, "page/1".into())).collect();
        assert_eq!(without_vectors(Some(to_proto_id(&key.to_point_id())), payload).unwrap().id, key);
    }
}
