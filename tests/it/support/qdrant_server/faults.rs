//! Fault injection for the test server.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use qdrant_client::qdrant::{PointId, PointStruct};
use tokio::sync::watch;
use tonic::Status;

/// Kinds of calls that faults apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Health,
    /// All calls about collections.
    Collections,
    /// The creation of shard keys.
    ShardKeys,
    Upsert,
    Query,
    Get,
    Scroll,
    Delete,
    Count,
}

impl Call {
    pub const ALL: &[Self] = &[
        Self::Health,
        Self::Collections,
        Self::ShardKeys,
        Self::Upsert,
        Self::Query,
        Self::Get,
        Self::Scroll,
        Self::Delete,
        Self::Count,
    ];
}

/// The active faults.
#[derive(Debug, Default)]
pub struct Faults {
    active: Mutex<ActiveFaults>,
    upserts_held: watch::Sender<bool>,
    shard_keys_held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct ActiveFaults {
    upsert_latency: Duration,
    failures: Vec<InjectedFailure>,
    hanging: HashSet<Call>,
    refused: HashSet<PointId>,
    broken: HashSet<PointId>,
    replica_lags: bool,
}

#[derive(Debug)]
struct InjectedFailure {
    calls: Vec<Call>,
    /// `None` lasts until the faults are cleared.
    remaining: Option<usize>,
    status: Status,
}

impl Faults {
    /// Delays each upsert.
    pub fn delay_upserts(&self, latency: Duration) {
        self.lock().upsert_latency = latency;
    }

    /// Blocks all upserts until [`Self::release_upserts`].
    pub fn hold_upserts(&self) {
        self.upserts_held.send_replace(true);
    }

    /// Releases the blocked upserts.
    pub fn release_upserts(&self) {
        self.upserts_held.send_replace(false);
    }

    /// Blocks all creations of shard keys until [`Self::release_shard_keys`].
    pub fn hold_shard_keys(&self) {
        self.shard_keys_held.send_replace(true);
    }

    /// Releases the blocked creations of shard keys.
    pub fn release_shard_keys(&self) {
        self.shard_keys_held.send_replace(false);
    }

    /// One of two replicas misses all following writes, and answers the reads that don't ask for all replicas.
    pub fn lag_replica(&self) {
        self.lock().replica_lags = true;
    }

    /// Fails the next calls of these kinds with a status.
    pub fn fail_next(&self, calls: &[Call], times: usize, status: Status) {
        self.lock().failures.push(InjectedFailure { calls: calls.to_vec(), remaining: Some(times), status });
    }

    /// Fails all calls of these kinds with a status, until the faults are cleared.
    pub fn fail(&self, calls: &[Call], status: Status) {
        self.lock().failures.push(InjectedFailure { calls: calls.to_vec(), remaining: None, status });
    }

    /// Never answers calls of these kinds that arrive before the faults are cleared.
    pub fn hang(&self, calls: &[Call]) {
        self.lock().hanging.extend(calls);
    }

    /// Rejects every upsert that contains this point with INVALID_ARGUMENT.
    pub fn refuse_point(&self, id: impl Into<PointId>) {
        self.lock().refused.insert(id.into());
    }

    /// Fails every upsert that contains this point with INTERNAL, as Qdrant does if its engine panics.
    pub fn break_on_point(&self, id: impl Into<PointId>) {
        self.lock().broken.insert(id.into());
    }

    /// Clears all faults. Calls that already hang never return.
    pub fn clear(&self) {
        *self.lock() = ActiveFaults::default();
        self.release_upserts();
        self.release_shard_keys();
    }

    pub(super) fn replica_lags(&self) -> bool {
        self.lock().replica_lags
    }

    /// Waits while creations of shard keys are blocked.
    pub(super) async fn wait_shard_keys_released(&self) {
        // `self` owns the sender, so it can't be closed.
        let _ = self.shard_keys_held.subscribe().wait_for(|held| !held).await;
    }

    /// Applies the faults of a kind of call before the request is read.
    pub(super) async fn inject_fault(&self, call: Call) -> Result<(), Status> {
        if self.lock().hanging.contains(&call) {
            std::future::pending().await
        }
        self.lock().next_failure(call).map_or(Ok(()), Err)
    }

    /// Applies the faults of upserts.
    pub(super) async fn inject_upsert_fault(&self, points: &[PointStruct]) -> Result<(), Status> {
        let latency = self.lock().upsert_latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        // `self` owns the sender, so it can't be closed.
        let _ = self.upserts_held.subscribe().wait_for(|held| !held).await;
        let active = self.lock();
        for id in points.iter().filter_map(|point| point.id.as_ref()) {
            if active.refused.contains(id) {
                return Err(Status::invalid_argument(format!("Wrong input: point {id:?} is refused")));
            }
            if active.broken.contains(id) {
                return Err(Status::internal(format!("Service internal error: task panicked on point {id:?}")));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, ActiveFaults> {
        self.active.lock().unwrap()
    }
}

impl ActiveFaults {
    fn next_failure(&mut self, call: Call) -> Option<Status> {
        let position = self.failures.iter().position(|failure| failure.calls.contains(&call))?;
        let failure = &mut self.failures[position];
        let status = failure.status.clone();
        if let Some(remaining) = &mut failure.remaining {
            *remaining -= 1;
            if *remaining == 0 {
                self.failures.remove(position);
            }
        }
        Some(status)
    }
}
