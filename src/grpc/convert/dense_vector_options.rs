//! Dense vectors of a collection: their size and distance.

use super::enumeration::parse_enum;
use crate::grpc::errors::invalid_argument;
use crate::proto;
use crate::types::{ApiError, DenseSpec, Distance};

/// Maximum number of dimensions of a dense vector.
pub const MAX_DIMENSIONS: u32 = 65_536;

impl TryFrom<proto::DenseVectorOptions> for DenseSpec {
    type Error = ApiError;

    fn try_from(options: proto::DenseVectorOptions) -> Result<Self, ApiError> {
        let distance = parse_enum::<proto::Distance>("distance", "Distance", options.distance)?.into();
        match options.size {
            size @ 1..=MAX_DIMENSIONS => Ok(Self { size, distance }),
            size => Err(invalid_argument("size", format!("{size} is out of range; send 1 to {MAX_DIMENSIONS}"))),
        }
    }
}

impl From<DenseSpec> for proto::DenseVectorOptions {
    fn from(DenseSpec { size, distance }: DenseSpec) -> Self {
        Self { size, distance: proto::Distance::from(distance).into() }
    }
}

impl From<proto::Distance> for Distance {
    fn from(distance: proto::Distance) -> Self {
        match distance {
            proto::Distance::Unspecified | proto::Distance::Cosine => Self::Cosine,
            proto::Distance::Dot => Self::Dot,
            proto::Distance::Euclid => Self::Euclid,
        }
    }
}

impl From<Distance> for proto::Distance {
    fn from(distance: Distance) -> Self {
        match distance {
            Distance::Cosine => Self::Cosine,
            Distance::Dot => Self::Dot,
            Distance::Euclid => Self::Euclid,
        }
    }
}
