//! A second replica of a collection, which misses writes while the lag fault is active.

use std::collections::HashMap;
use std::sync::Mutex;

use qdrant_client::qdrant::{PointId, ReadConsistency, ReadConsistencyType, RetrievedPoint, read_consistency};

/// Points in which the replica differs from the collection: their state before the first write that it missed, or
/// `None` if the point did not exist.
#[derive(Debug, Default)]
pub struct LaggingReplica(Mutex<HashMap<PointId, Option<RetrievedPoint>>>);

impl LaggingReplica {
    /// Records a missed write to these points. `before` are those that existed.
    pub fn miss(&self, ids: impl IntoIterator<Item = PointId>, before: Vec<RetrievedPoint>) {
        let mut before: HashMap<_, _> = before.into_iter().map(|point| (point.id.clone().unwrap(), point)).collect();
        let mut diverged = self.0.lock().unwrap();
        for id in ids {
            diverged.entry(id.clone()).or_insert_with(|| before.remove(&id));
        }
    }

    /// Lets the replica catch up.
    pub fn catch_up(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Returns the response to a read: for a read of all replicas only the points that are equal on both, as Qdrant
    /// does, and otherwise the points of the lagging replica.
    pub fn answer(
        &self,
        asked: &[PointId],
        consistency: Option<&ReadConsistency>,
        mut points: Vec<RetrievedPoint>,
    ) -> Vec<RetrievedPoint> {
        let diverged = self.0.lock().unwrap();
        points.retain(|point| !diverged.contains_key(point.id.as_ref().unwrap()));
        if !is_all(consistency) {
            points.extend(asked.iter().filter_map(|id| diverged.get(id)?.clone()));
        }
        points
    }
}

/// Returns whether a read asks all replicas.
pub fn is_all(consistency: Option<&ReadConsistency>) -> bool {
    let all = read_consistency::Value::Type(ReadConsistencyType::All.into());
    consistency.and_then(|consistency| consistency.value) == Some(all)
}
