//! Sparse vectors.

use crate::proto;
use crate::types::{InvalidSparseVector, SparseVector};

impl TryFrom<proto::SparseVector> for SparseVector {
    type Error = InvalidSparseVector;

    fn try_from(vector: proto::SparseVector) -> Result<Self, InvalidSparseVector> {
        Self::new(vector.indices, vector.values)
    }
}

impl From<SparseVector> for proto::SparseVector {
    fn from(vector: SparseVector) -> Self {
        let (indices, values) = vector.into_parts();
        Self { indices, values }
    }
}
