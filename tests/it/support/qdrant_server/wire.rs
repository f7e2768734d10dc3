//! Conversions between the protocol's and the engine's points.

use std::collections::HashMap;

use qdrant_client::qdrant;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::vector::Vector as WireVector;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_output::VectorsOptions as VectorsOutputOptions;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions as PayloadOptions;
use qdrant_client::qdrant::with_vectors_selector::SelectorOptions as VectorOptions;
use qdrant_client::qdrant::{vector_output, with_payload_selector};
use qdrant_edge::{
    JsonPath, OperationError, Payload, PointId, PointStructPersisted, SparseVector, VectorInternal, VectorPersisted,
    VectorStructInternal, VectorStructPersisted, WithPayloadInterface, WithVector,
};
use tonic::Status;
use uuid::Uuid;

/// Converts an engine error to the status that Qdrant returns.
pub fn to_status(error: OperationError) -> Status {
    match error {
        OperationError::ServiceError { description, .. } => {
            Status::internal(format!("Service internal error: {description}"))
        }
        error => Status::invalid_argument(format!("Wrong input: {error}")),
    }
}

pub fn parse_point_id(id: qdrant::PointId) -> Result<PointId, Status> {
    match id.point_id_options {
        Some(PointIdOptions::Num(num)) => Ok(PointId::NumId(num)),
        Some(PointIdOptions::Uuid(uuid)) => Uuid::parse_str(&uuid)
            .map(PointId::Uuid)
            .map_err(|_| Status::invalid_argument(format!("Unable to parse UUID: {uuid}"))),
        None => Err(Status::invalid_argument("No ID options provided")),
    }
}

pub fn parse_point(point: qdrant::PointStruct) -> Result<PointStructPersisted, Status> {
    let id = point.id.ok_or_else(|| Status::invalid_argument("Empty ID is not allowed"))?;
    let Some(VectorsOptions::Vectors(named)) = point.vectors.and_then(|vectors| vectors.vectors_options) else {
        return Err(Status::unimplemented("the test server takes named vectors only"));
    };
    let vectors = named.vectors.into_iter().map(|(name, value)| Ok((name, parse_vector(value)?)));
    let payload = point.payload.into_iter().map(|(key, value)| (key, value.into()));
    Ok(PointStructPersisted {
        id: parse_point_id(id)?,
        vector: VectorStructPersisted::Named(vectors.collect::<Result<_, Status>>()?),
        payload: Some(Payload(payload.collect())),
    })
}

fn parse_vector(vector: qdrant::Vector) -> Result<VectorPersisted, Status> {
    match vector.vector {
        Some(WireVector::Dense(dense)) => Ok(VectorPersisted::Dense(dense.data)),
        Some(WireVector::Sparse(sparse)) => Ok(VectorPersisted::Sparse(parse_sparse_vector(sparse)?)),
        other => Err(Status::unimplemented(format!("the test server has no vector {other:?}"))),
    }
}

pub fn parse_sparse_vector(sparse: qdrant::SparseVector) -> Result<SparseVector, Status> {
    SparseVector::new(sparse.indices, sparse.values)
        .map_err(|error| Status::invalid_argument(format!("Validation error in body: [{error}]")))
}

pub fn parse_payload_selector(selector: Option<qdrant::WithPayloadSelector>) -> Result<WithPayloadInterface, Status> {
    let path = |field: String| {
        let invalid = || Status::invalid_argument(format!("Wrong input: invalid payload key {field}"));
        field.parse::<JsonPath>().map_err(|()| invalid())
    };
    match selector.and_then(|selector| selector.selector_options) {
        None => Ok(WithPayloadInterface::Bool(false)),
        Some(PayloadOptions::Enable(enable)) => Ok(WithPayloadInterface::Bool(enable)),
        Some(PayloadOptions::Include(include)) => {
            Ok(WithPayloadInterface::Fields(include.fields.into_iter().map(path).collect::<Result<_, _>>()?))
        }
        Some(with_payload_selector::SelectorOptions::Exclude(_)) => {
            Err(Status::unimplemented("the test server excludes no payload fields"))
        }
    }
}

pub fn parse_vector_selector(selector: Option<qdrant::WithVectorsSelector>) -> WithVector {
    match selector.and_then(|selector| selector.selector_options) {
        None => WithVector::Bool(false),
        Some(VectorOptions::Enable(enable)) => WithVector::Bool(enable),
        Some(VectorOptions::Include(include)) => WithVector::Selector(include.names),
    }
}

pub fn to_wire_id(id: PointId) -> qdrant::PointId {
    match id {
        PointId::NumId(num) => num.into(),
        PointId::Uuid(uuid) => uuid.to_string().into(),
    }
}

pub fn to_wire_payload(payload: Option<Payload>) -> HashMap<String, qdrant::Value> {
    payload.into_iter().flat_map(|payload| payload.0).map(|(key, value)| (key, value.into())).collect()
}

pub fn to_wire_vectors(vectors: Option<VectorStructInternal>) -> Option<qdrant::VectorsOutput> {
    let Some(VectorStructInternal::Named(named)) = vectors else { return None };
    let vectors = named.into_iter().map(|(name, vector)| (name, to_wire_vector(vector))).collect();
    let options = VectorsOutputOptions::Vectors(qdrant::NamedVectorsOutput { vectors });
    Some(qdrant::VectorsOutput { vectors_options: Some(options) })
}

fn to_wire_vector(vector: VectorInternal) -> qdrant::VectorOutput {
    let vector = match vector {
        VectorInternal::Dense(data) => vector_output::Vector::Dense(qdrant::DenseVector { data }),
        VectorInternal::Sparse(SparseVector { indices, values }) => {
            vector_output::Vector::Sparse(qdrant::SparseVector { indices, values })
        }
        VectorInternal::MultiDense(_) => unreachable!("no collection of this server has multivectors"),
    };
    qdrant::VectorOutput { vector: Some(vector), ..Default::default() }
}
