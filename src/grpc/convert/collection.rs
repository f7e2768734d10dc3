//! Descriptions of collections.

use crate::proto;
use crate::store::CollectionInfo;

impl From<CollectionInfo> for proto::Collection {
    fn from(CollectionInfo { name, spec, point_count }: CollectionInfo) -> Self {
        Self {
            name,
            incarnation: spec.incarnation.clone(),
            point_count: i64::try_from(point_count).unwrap_or(i64::MAX),
            options: Some(spec.into()),
        }
    }
}
