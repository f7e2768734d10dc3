//! Versioned writes: write conditions that the server checks, and the points that they skip.

use std::collections::{HashMap, HashSet};

use qdrant_client::qdrant::HealthCheckRequest;
use qdrant_client::qdrant::qdrant_client::QdrantClient;

use super::connection::QdrantConnection;
use crate::store::StoreError;
use crate::types::{Condition, Filter, Point, PointId, build_older_version_filter, read_stored_version};

/// First version of Qdrant with conditional upserts. Earlier servers would silently ignore the condition.
const MIN_CONDITIONAL_UPSERT_VERSION: (u32, u32) = (1, 16);

/// Checks that the server supports conditional upserts. Not cached, because the server may be replaced by an older one.
///
/// # Errors
/// [`StoreError::Refused`] if it doesn't; otherwise the error of the version request.
pub(super) async fn check_conditional_upserts(connection: &QdrantConnection) -> Result<(), StoreError> {
    let mut client = QdrantClient::new(connection.intercepted_channel()?);
    let response = connection.call("", client.health_check(HealthCheckRequest {})).await?;
    match parse_version(&response.version) {
        Some(version) if version >= MIN_CONDITIONAL_UPSERT_VERSION => Ok(()),
        _ => {
            let (major, minor) = MIN_CONDITIONAL_UPSERT_VERSION;
            let version = response.version;
            Err(StoreError::Refused(format!(
                "Qdrant {version} does not support document versions; use Qdrant {major}.{minor} or later, or omit `version`"
            )))
        }
    }
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Returns the ids and versions of the points that have a version.
pub(super) fn read_versions(points: &[Point]) -> Vec<(PointId, i64)> {
    points.iter().filter_map(|point| Some((point.id, read_stored_version(&point.payload)?))).collect()
}

/// Builds a filter that matches each of these points if its stored version is missing or older than the given one.
pub(super) fn build_older_filter(points: &[(PointId, i64)]) -> Filter {
    let conditions = points.iter().map(|(id, version)| {
        let must = vec![Condition::HasId(vec![*id]), Condition::Filter(build_older_version_filter(*version))];
        Condition::Filter(Filter { must, ..Filter::default() })
    });
    Filter { should: conditions.collect(), ..Filter::default() }
}

/// Returns the points for which `predicate(stored, given)` holds. Points without a stored version are not selected.
pub(super) fn select_by_version(
    given: &[(PointId, i64)],
    stored: &HashMap<PointId, i64>,
    predicate: impl Fn(i64, i64) -> bool,
) -> HashSet<PointId> {
    let selected = given.iter().filter(|(id, given)| stored.get(id).is_some_and(|stored| predicate(*stored, *given)));
    selected.map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_versions_are_compared_as_numbers() {
        for (version, expected) in [
            ("1.16.0", Some((1, 16))),
            ("v1.9.2", Some((1, 9))),
            ("1.18.3-dev", Some((1, 18))),
            ("2.0", Some((2, 0))),
            ("", None),
            ("test", None),
        ] {
            assert_eq!(parse_version(version), expected);
        }
        assert!(
            parse_version("1.9.2") < Some(MIN_CONDITIONAL_UPSERT_VERSION)
                && Some(MIN_CONDITIONAL_UPSERT_VERSION) <= parse_version("1.16")
        );
    }
}
