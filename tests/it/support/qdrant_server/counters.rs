//! Counters of the calls that a server received.

use std::collections::HashMap;

use tokio::sync::watch;

use super::{Call, TEST_TIMEOUT};

/// Totals since the server was created, including restarts.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Received calls by kind, regardless of their result.
    pub calls: HashMap<Call, usize>,
    /// Reads of points by id that asked for all replicas.
    pub consistent_gets: usize,
    /// The number of points of each received upsert.
    pub batches: Vec<usize>,
    /// Upserts in flight.
    pub in_flight: usize,
    /// Maximum number of concurrent upserts.
    pub max_in_flight: usize,
    /// The trace context (W3C `traceparent`) of each upsert that carried one.
    pub traceparents: Vec<String>,
    /// Points that were written, or counted if the server discards them.
    pub written: usize,
}

impl Counters {
    /// Returns the number of received calls of a kind.
    pub fn calls(&self, call: Call) -> usize {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    /// Returns the number of received points.
    pub fn points(&self) -> usize {
        self.batches.iter().sum()
    }
}

/// The counters of a running server.
#[derive(Debug, Default)]
pub struct CounterRecorder(watch::Sender<Counters>);

impl CounterRecorder {
    pub fn snapshot(&self) -> Counters {
        self.0.borrow().clone()
    }

    pub async fn wait_until(&self, condition: impl FnMut(&Counters) -> bool) -> Counters {
        let mut counters = self.0.subscribe();
        let met =
            tokio::time::timeout(TEST_TIMEOUT, counters.wait_for(condition)).await.map(|met| met.unwrap().clone());
        met.unwrap_or_else(|_| panic!("condition not met within {TEST_TIMEOUT:?}: {:?}", self.snapshot()))
    }

    pub fn record_call(&self, call: Call) {
        self.0.send_modify(|counters| *counters.calls.entry(call).or_default() += 1);
    }

    pub fn record_consistent_get(&self) {
        self.0.send_modify(|counters| counters.consistent_gets += 1);
    }

    pub fn record_written(&self, points: usize) {
        self.0.send_modify(|counters| counters.written += points);
    }

    /// Counts an upsert, which is in flight until the returned guard is dropped.
    pub fn begin_upsert(&self, points: usize, traceparent: Option<String>) -> InFlightUpsert {
        self.0.send_modify(|counters| {
            counters.traceparents.extend(traceparent);
            *counters.calls.entry(Call::Upsert).or_default() += 1;
            counters.batches.push(points);
            counters.in_flight += 1;
            counters.max_in_flight = counters.max_in_flight.max(counters.in_flight);
        });
        InFlightUpsert(self.0.clone())
    }
}

/// Guard of an upsert in flight.
pub struct InFlightUpsert(watch::Sender<Counters>);

impl Drop for InFlightUpsert {
    fn drop(&mut self) {
        self.0.send_modify(|counters| counters.in_flight -= 1);
    }
}
