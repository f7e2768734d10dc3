//! Versions: a store keeps the newest, regardless of the order of the writes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use splade_sidecar::store::VectorStore;
use splade_sidecar::types::{Document, DocumentId, Payload, Point, PointId};

use super::{VECTOR, count, create_with_points, numbers, payload, point, retrieve, sparse};

/// Returns a point whose payload contains the number of the change that wrote it.
fn versioned(id: u64, version: i64, change: u64) -> Point {
    let document = Document {
        id: DocumentId::Num(id),
        text: "wing".to_owned(),
        payload: Payload::from_iter([("change".to_owned(), change.into())]),
        dense: BTreeMap::new(),
        version: Some(version),
    };
    Point::new(document, sparse(&[(1, 1.0)]), "text")
}

async fn change(store: &Arc<dyn VectorStore>, name: &str, id: u64) -> (Option<u64>, Option<i64>) {
    let point = retrieve(store, name, &[id]).await.pop().expect("a point");
    (point.payload.get("change").and_then(serde_json::Value::as_u64), point.version)
}

/// The newest version wins for any order of versions, also if they differ only beyond a double's precision, and also
/// next to other points.
pub async fn the_newest_version_stays(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[]).await;
    // Two versions that are equal as doubles, both limits, and neighbours of the 32-bit limits.
    let versions =
        [0, -1, 1, (1 << 32) - 1, 1 << 32, -(1 << 32), i64::MIN, i64::MAX - 1, i64::MAX, (1 << 53) + 1, 1 << 53];
    let mut newest = BTreeMap::new();
    for (number, version) in (0u64..).zip(versions) {
        for id in [1, 2] {
            // The second document receives the versions in reverse order.
            let version = if id == 1 { version } else { versions[versions.len() - 1 - number as usize] };
            let other = versioned(100 + number, 7, number);
            let kept =
                store.upsert_newer(&name, VECTOR, &[versioned(id, version, number), other]).await.expect("an answer");
            let is_newer = newest.get(&id).is_none_or(|(stored, _)| *stored < version);
            assert_eq!(kept.contains(&PointId::Num(id)), !is_newer, "{version} after {newest:?}");
            if is_newer {
                newest.insert(id, (version, number));
            }
            let (version, number) = newest[&id];
            assert_eq!(change(&store, &name, id).await, (Some(number), Some(version)));
        }
    }
    // An equal version is not newer.
    let again = versioned(1, i64::MAX, 99);
    assert_eq!(store.upsert_newer(&name, VECTOR, &[again]).await, Ok(HashSet::from([PointId::Num(1)])));
    assert_eq!(count(&store, &name).await, 2 + versions.len() as u64);
}

/// A point without a version is older than every version. A write without a version removes the version.
pub async fn a_point_without_a_version_is_the_oldest(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    let first = [versioned(1, i64::MIN, 5)];
    assert_eq!(store.upsert_newer(&name, VECTOR, &first).await, Ok(HashSet::new()));
    assert_eq!(change(&store, &name, 1).await, (Some(5), Some(i64::MIN)));
    store.upsert(&name, VECTOR, &[point(1, &[(1, 1.0)])]).await.expect("an upsert");
    assert_eq!(change(&store, &name, 1).await, (None, None));
    let mut plain = retrieve(&store, &name, &[1]).await;
    assert_eq!(plain.pop().expect("a point").payload, payload(serde_json::json!({ "n": 1 })));
}

/// A delete with a version keeps newer points.
pub async fn an_old_delete_spares_a_new_version(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(4, &[(1, 1.0)])]).await;
    let points = [versioned(1, 10, 0), versioned(2, 20, 0), versioned(3, 30, 0)];
    assert_eq!(store.upsert_newer(&name, VECTOR, &points).await, Ok(HashSet::new()));
    let deletes = [1, 2, 3, 4, 5].map(|id| (PointId::Num(id), 20));
    let spared = store.delete_older(&name, &deletes).await;
    assert_eq!(spared, Ok(HashSet::from([PointId::Num(2), PointId::Num(3)])));
    assert_eq!(numbers(&retrieve(&store, &name, &[1, 2, 3, 4, 5]).await), [2, 3]);
    assert_eq!(store.delete_older(&name, &[]).await, Ok(HashSet::new()));
}
