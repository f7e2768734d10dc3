//! What a server does wrong, on order.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use qdrant_client::qdrant::{PointId, PointStruct};
use tokio::sync::watch;
use tonic::Status;

/// The kinds of call that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Health,
    /// Anything about collections.
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

/// The orders in force. Without any, the server does what it should.
#[derive(Debug, Default)]
pub struct Faults {
    orders: Mutex<Orders>,
    upserts_held: watch::Sender<bool>,
    shard_keys_held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Orders {
    upsert_latency: Duration,
    failures: Vec<Failure>,
    hanging: HashSet<Call>,
    refused: HashSet<PointId>,
    broken: HashSet<PointId>,
    replica_lags: bool,
}

#[derive(Debug)]
struct Failure {
    calls: Vec<Call>,
    /// `None` is until cleared.
    left: Option<usize>,
    status: Status,
}

impl Faults {
    /// Takes this much longer for each upsert.
    pub fn delay_upserts(&self, latency: Duration) {
        self.orders().upsert_latency = latency;
    }

    /// Keeps every upsert waiting until they are released.
    pub fn hold_upserts(&self) {
        self.upserts_held.send_replace(true);
    }

    /// Lets the upserts go on that were held.
    pub fn release_upserts(&self) {
        self.upserts_held.send_replace(false);
    }

    /// Keeps every creation of a shard key waiting until it is released.
    pub fn hold_shard_keys(&self) {
        self.shard_keys_held.send_replace(true);
    }

    /// Lets the creations of shard keys go on that were held.
    pub fn release_shard_keys(&self) {
        self.shard_keys_held.send_replace(false);
    }

    /// Has one of two replicas miss the writes that come now, and answer reads that don't ask for all replicas.
    pub fn lag_replica(&self) {
        self.orders().replica_lags = true;
    }

    /// Answers the next calls of these kinds with a status.
    pub fn fail_next(&self, calls: &[Call], times: usize, status: Status) {
        self.orders().failures.push(Failure { calls: calls.to_vec(), left: Some(times), status });
    }

    /// Answers all calls of these kinds with a status, until cleared.
    pub fn fail(&self, calls: &[Call], status: Status) {
        self.orders().failures.push(Failure { calls: calls.to_vec(), left: None, status });
    }

    /// Never answers calls of these kinds that arrive before this is cleared.
    pub fn hang(&self, calls: &[Call]) {
        self.orders().hanging.extend(calls);
    }

    /// Refuses every upsert that holds this point.
    pub fn refuse_point(&self, id: impl Into<PointId>) {
        self.orders().refused.insert(id.into());
    }

    /// Answers INTERNAL to every upsert that holds this point, as Qdrant does where its engine fails on one.
    pub fn break_on_point(&self, id: impl Into<PointId>) {
        self.orders().broken.insert(id.into());
    }

    /// Withdraws all orders. Calls that hang stay so.
    pub fn clear(&self) {
        *self.orders() = Orders::default();
        self.release_upserts();
        self.release_shard_keys();
    }

    pub(super) fn replica_lags(&self) -> bool {
        self.orders().replica_lags
    }

    /// What goes wrong with the creation of a shard key.
    pub(super) async fn strike_shard_key(&self) {
        // The sender is this object's: it can't be gone.
        let _ = self.shard_keys_held.subscribe().wait_for(|held| !held).await;
    }

    /// What goes wrong with a call before it is looked at.
    pub(super) async fn strike(&self, call: Call) -> Result<(), Status> {
        if self.orders().hanging.contains(&call) {
            std::future::pending().await
        }
        self.orders().next_failure(call).map_or(Ok(()), Err)
    }

    /// What goes wrong with an upsert.
    pub(super) async fn strike_upsert(&self, points: &[PointStruct]) -> Result<(), Status> {
        let latency = self.orders().upsert_latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        // The sender is this object's: it can't be gone.
        let _ = self.upserts_held.subscribe().wait_for(|held| !held).await;
        let orders = self.orders();
        for id in points.iter().filter_map(|point| point.id.as_ref()) {
            if orders.refused.contains(id) {
                return Err(Status::invalid_argument(format!("Wrong input: point {id:?} is refused")));
            }
            if orders.broken.contains(id) {
                return Err(Status::internal(format!("Service internal error: task panicked on point {id:?}")));
            }
        }
        Ok(())
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap()
    }
}

impl Orders {
    fn next_failure(&mut self, call: Call) -> Option<Status> {
        let position = self.failures.iter().position(|failure| failure.calls.contains(&call))?;
        let failure = &mut self.failures[position];
        let status = failure.status.clone();
        if let Some(left) = &mut failure.left {
            *left -= 1;
            if *left == 0 {
                self.failures.remove(position);
            }
        }
        Some(status)
    }
}
