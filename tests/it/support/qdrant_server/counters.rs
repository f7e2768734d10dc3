//! What a server has seen, to be looked at and waited for.

use std::collections::HashMap;

use tokio::sync::watch;

use super::{Call, TEST_TIMEOUT};

/// Totals since the server started, vanishing included.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Calls of each kind that arrived, whatever became of them.
    pub calls: HashMap<Call, usize>,
    /// Reads of points by id that asked for all replicas.
    pub consistent_gets: usize,
    /// The number of points of each upsert that arrived.
    pub batches: Vec<usize>,
    /// Upserts that are being answered.
    pub in_flight: usize,
    /// The most upserts that were being answered at once.
    pub max_in_flight: usize,
    /// The trace context (W3C `traceparent`) of each upsert that had one.
    pub traceparents: Vec<String>,
    /// Points that were written, or counted if they are discarded.
    pub written: usize,
}

impl Counters {
    /// How many calls of a kind arrived.
    pub fn calls(&self, call: Call) -> usize {
        self.calls.get(&call).copied().unwrap_or(0)
    }

    /// How many points arrived.
    pub fn points(&self) -> usize {
        self.batches.iter().sum()
    }
}

/// The counters of a server at work.
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
        met.unwrap_or_else(|_| panic!("it did not happen in {TEST_TIMEOUT:?}: {:?}", self.snapshot()))
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

    /// Counts an upsert, which is in flight until the answer is dropped.
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

/// An upsert that is being answered.
pub struct InFlightUpsert(watch::Sender<Counters>);

impl Drop for InFlightUpsert {
    fn drop(&mut self) {
        self.0.send_modify(|counters| counters.in_flight -= 1);
    }
}
