//! Versions of points: conditions that a server checks as it writes, and what they left as it was.

use std::collections::{HashMap, HashSet};

use qdrant_client::qdrant::HealthCheckRequest;
use qdrant_client::qdrant::qdrant_client::QdrantClient;

use super::connection::QdrantConnection;
use crate::store::StoreError;
use crate::types::{Condition, Filter, Point, PointId, build_older_version_filter, read_stored_version};

/// The first version of Qdrant that has conditional upserts. Servers before it would ignore the condition.
const MIN_CONDITIONAL_UPSERT_VERSION: (u32, u32) = (1, 16);

/// Checks that the server heeds the conditions of upserts. It is asked each time: it may be replaced by an older one.
///
/// # Errors
/// If it doesn't, or can't be asked.
pub(super) async fn check_conditional_upserts(connection: &QdrantConnection) -> Result<(), StoreError> {
    let mut client = QdrantClient::new(connection.intercepted_channel()?);
    let response = connection.call("", client.health_check(HealthCheckRequest {})).await?;
    match parse_version(&response.version) {
        Some(version) if version >= MIN_CONDITIONAL_UPSERT_VERSION => Ok(()),
        _ => {
            let (major, minor) = MIN_CONDITIONAL_UPSERT_VERSION;
            let version = response.version;
            Err(StoreError::Refused(format!(
                "Qdrant {version} can't compare versions of documents; use Qdrant {major}.{minor} or later, or omit `version`"
            )))
        }
    }
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Returns the points with their versions.
pub(super) fn read_versions(points: &[Point]) -> Vec<(PointId, i64)> {
    points.iter().filter_map(|point| Some((point.id, read_stored_version(&point.payload)?))).collect()
}

/// Returns the condition that a stored point is one of these and has no version, or an older one than given.
pub(super) fn build_older_filter(points: &[(PointId, i64)]) -> Filter {
    let conditions = points.iter().map(|(id, version)| {
        let must = vec![Condition::HasId(vec![*id]), Condition::Filter(build_older_version_filter(*version))];
        Condition::Filter(Filter { must, ..Filter::default() })
    });
    Filter { should: conditions.collect(), ..Filter::default() }
}

/// Returns the points whose stored version compares so with the given one.
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
    fn versions_of_servers_are_compared_as_numbers() {
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
