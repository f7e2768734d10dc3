//! A second replica of a collection, which misses changes on order.

use std::collections::HashMap;
use std::sync::Mutex;

use qdrant_client::qdrant::{PointId, ReadConsistency, ReadConsistencyType, RetrievedPoint, read_consistency};

/// The points that the replica has otherwise than the collection: as they were before the first change that it missed;
/// `None` where there was no point.
#[derive(Debug, Default)]
pub struct LaggingReplica(Mutex<HashMap<PointId, Option<RetrievedPoint>>>);

impl LaggingReplica {
    /// Misses a change of these points, of which `before` are there.
    pub fn miss(&self, ids: impl IntoIterator<Item = PointId>, before: Vec<RetrievedPoint>) {
        let mut before: HashMap<_, _> = before.into_iter().map(|point| (point.id.clone().unwrap(), point)).collect();
        let mut diverged = self.0.lock().unwrap();
        for id in ids {
            diverged.entry(id.clone()).or_insert_with(|| before.remove(&id));
        }
    }

    /// Has the replica catch up.
    pub fn catch_up(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Returns what a read answers: only what both replicas have alike where it asks for that, as Qdrant does, and else
    /// what the lagging one has.
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

/// Whether a read asks all replicas.
pub fn is_all(consistency: Option<&ReadConsistency>) -> bool {
    let all = read_consistency::Value::Type(ReadConsistencyType::All.into());
    consistency.and_then(|consistency| consistency.value) == Some(all)
}
