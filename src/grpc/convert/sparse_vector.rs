//! Sparse vectors.

use crate::proto;
use crate::types::{SparseVector, SparseVectorError};

impl TryFrom<proto::SparseVector> for SparseVector {
    type Error = SparseVectorError;

    fn try_from(vector: proto::SparseVector) -> Result<Self, SparseVectorError> {
        Self::new(vector.indices, vector.values)
    }
}

impl From<SparseVector> for proto::SparseVector {
    fn from(vector: SparseVector) -> Self {
        let (indices, values) = vector.into_parts();
        Self { indices, values }
    }
}
