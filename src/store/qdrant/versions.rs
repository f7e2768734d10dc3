//! Versions of points: conditions that a server checks as it writes, and what they left as it was.

use std::collections::{HashMap, HashSet};

use qdrant_client::qdrant::HealthCheckRequest;
use qdrant_client::qdrant::qdrant_client::QdrantClient;

use super::connection::Connection;
use crate::store::StoreError;
use crate::types::{Condition, Filter, Point, PointId, older_than, stored_version};

/// The first version of Qdrant that has conditional upserts. Servers before it would ignore the condition.
const CONDITIONAL_UPSERTS: (u32, u32) = (1, 16);

/// Checks that the server heeds the conditions of upserts. It is asked each time: it may be replaced by an older one.
///
/// # Errors
/// If it doesn't, or can't be asked.
pub(super) async fn check_server(connection: &Connection) -> Result<(), StoreError> {
    let mut client = QdrantClient::new(connection.transport()?);
    let reply = connection.call("", client.health_check(HealthCheckRequest {})).await?;
    match parse_version(&reply.version) {
        Some(version) if version >= CONDITIONAL_UPSERTS => Ok(()),
        _ => {
            let (major, minor) = CONDITIONAL_UPSERTS;
            let version = reply.version;
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
pub(super) fn of(points: &[Point]) -> Vec<(PointId, i64)> {
    points.iter().filter_map(|point| Some((point.id, stored_version(&point.payload)?))).collect()
}

/// Returns the condition that a stored point is one of these and has no version, or an older one than given.
pub(super) fn older(points: &[(PointId, i64)]) -> Filter {
    let older = points.iter().map(|(id, version)| {
        let must = vec![Condition::HasId(vec![*id]), Condition::Filter(older_than(*version))];
        Condition::Filter(Filter { must, ..Filter::default() })
    });
    Filter { should: older.collect(), ..Filter::default() }
}

/// Returns the points whose stored version compares so with the given one.
pub(super) fn compare(
    given: &[(PointId, i64)],
    stored: &HashMap<PointId, i64>,
    is: impl Fn(i64, i64) -> bool,
) -> HashSet<PointId> {
    let kept = given.iter().filter(|(id, given)| stored.get(id).is_some_and(|stored| is(*stored, *given)));
    kept.map(|(id, _)| *id).collect()
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
            parse_version("1.9.2") < Some(CONDITIONAL_UPSERTS) && Some(CONDITIONAL_UPSERTS) <= parse_version("1.16")
        );
    }
}
