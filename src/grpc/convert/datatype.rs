//! `datatype`: storage type of the weights of sparse vectors.

use super::enumeration::parse_enum;
use crate::proto::VectorDatatype;
use crate::types::{ApiError, Datatype};

impl From<VectorDatatype> for Datatype {
    fn from(datatype: VectorDatatype) -> Self {
        match datatype {
            VectorDatatype::Unspecified | VectorDatatype::Float32 => Self::Float32,
            VectorDatatype::Float16 => Self::Float16,
            VectorDatatype::Uint8 => Self::Uint8,
        }
    }
}

impl From<Datatype> for VectorDatatype {
    fn from(datatype: Datatype) -> Self {
        match datatype {
            Datatype::Float32 => Self::Float32,
            Datatype::Float16 => Self::Float16,
            Datatype::Uint8 => Self::Uint8,
        }
    }
}

/// Parses `datatype`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is not a value of the enum.
pub fn parse_datatype(number: i32) -> Result<Datatype, ApiError> {
    parse_enum::<VectorDatatype>("datatype", "VectorDatatype", number).map(Datatype::from)
}
