//! Model of the changes that a store may contain.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};

use crate::types::PointId;

/// Content of a point; `None` if there is no point.
pub type Content = Option<u64>;

/// All changes of one run, with the time of their acceptance and their results.
#[derive(Debug, Default)]
pub struct Oracle {
    log: Mutex<Log>,
    /// First violated invariant. Stored because a panic in a spawned task would be lost.
    violation: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Log {
    /// Logical clock, advanced by each event.
    clock: u64,
    changes: Vec<Change>,
    /// Indexes of the changes of each id.
    by_id: BTreeMap<PointId, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Change {
    content: Content,
    /// Time at which the change was sent, so it was accepted later.
    begun_at: u64,
    /// Time by which the change was accepted, if it was accepted at all.
    accepted_by: Option<u64>,
    confirmed: bool,
    /// Set if the store refused the change because of its content.
    refused: bool,
    /// Set if the caller disconnected before it got a result.
    abandoned: bool,
}

/// Number of a change in a run.
pub type Number = usize;

impl Oracle {
    /// Advances the clock.
    pub fn step(&self) {
        self.lock().clock += 1;
    }

    /// Returns the number of steps so far.
    pub fn steps(&self) -> u64 {
        self.lock().clock
    }

    /// Records that a change is about to be sent.
    pub fn begin(&self, id: PointId, content: Content) -> Number {
        let mut log = self.lock();
        log.clock += 1;
        let change = Change {
            content,
            begun_at: log.clock,
            accepted_by: None,
            confirmed: false,
            refused: false,
            abandoned: false,
        };
        log.changes.push(change);
        let number = log.changes.len() - 1;
        log.by_id.entry(id).or_default().push(number);
        number
    }

    /// Records that a change has been accepted, or never will be.
    pub fn record_accepted(&self, number: Number) {
        let mut log = self.lock();
        log.clock += 1;
        let now = log.clock;
        log.changes[number].accepted_by.get_or_insert(now);
    }

    /// Records that the caller of a change has disconnected.
    pub fn record_abandoned(&self, number: Number) {
        self.record_accepted(number);
        self.lock().changes[number].abandoned = true;
    }

    /// Checks a change that arrives at the store: its caller must not have disconnected.
    pub fn check_sent(&self, id: PointId, content: Content) {
        let log = self.lock();
        let mut changes = log.by_id[&id].iter().map(|&number| &log.changes[number]);
        let awaited = changes.any(|change| !change.abandoned && change.content == content);
        self.expect(awaited, || format!("{content:?} of {id:?} was sent, but its caller has disconnected"));
    }

    /// Records a violation if an invariant does not hold.
    pub fn expect(&self, holds: bool, message: impl Fn() -> String) {
        if !holds {
            self.violation.get_or_init(message);
        }
    }

    /// Panics if an invariant was violated.
    pub fn check(&self) {
        assert_eq!(self.violation.get(), None);
    }

    /// Records that the store refused a change.
    pub fn record_refused(&self, number: Number) {
        self.record_accepted(number);
        self.lock().changes[number].refused = true;
    }

    /// Records a successful result while the store durably contains `durable`, and checks that this is allowed.
    pub fn record_confirmed(&self, number: Number, id: PointId, durable: Content) {
        self.record_accepted(number);
        let mut log = self.lock();
        log.changes[number].confirmed = true;
        log.check(id, durable);
    }

    /// Records that the process was killed: nothing that it read will be accepted later.
    pub fn record_killed(&self) {
        let mut log = self.lock();
        log.clock += 1;
        let now = log.clock;
        log.changes.iter_mut().for_each(|change| change.accepted_by = change.accepted_by.or(Some(now)));
    }

    /// Checks all ids against the durable points.
    pub fn check_all(&self, durable: &BTreeMap<PointId, u64>) {
        let log = self.lock();
        log.by_id.keys().for_each(|id| log.check(*id, durable.get(id).copied()));
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }
}

impl Log {
    /// Checks that the durable content of an id is allowed: that of any change, or of the initial state, unless a later
    /// change is confirmed.
    fn check(&self, id: PointId, durable: Content) {
        let changes = || self.by_id[&id].iter().map(|&number| &self.changes[number]);
        let last_confirmed = changes().filter(|change| change.confirmed).map(|change| change.begun_at).max();
        let is_possible = |change: &Change| {
            let is_latest =
                change.accepted_by.is_none_or(|accepted| last_confirmed.is_none_or(|begun| accepted > begun));
            is_latest && !change.refused && change.content == durable
        };
        let is_initial = last_confirmed.is_none() && durable.is_none();
        assert!(
            is_initial || changes().any(is_possible),
            "{id:?} is {durable:?}, which is not possible after {:#?}",
            changes().collect::<Vec<_>>()
        );
    }
}
