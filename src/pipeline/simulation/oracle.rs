//! Knows which changes a store may hold.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};

use crate::types::PointId;

/// What a point was made of; `None` where there is no point.
pub type Content = Option<u64>;

/// All changes of one run, each with when it was accepted and what was answered.
#[derive(Debug, Default)]
pub struct Oracle {
    log: Mutex<Log>,
    /// The first thing that must not happen. A task that panics would only be lost.
    violation: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Log {
    /// Counts everything that happens.
    clock: u64,
    changes: Vec<Change>,
    /// The changes of each id.
    by_id: BTreeMap<PointId, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Change {
    content: Content,
    /// It was not accepted before.
    begun: u64,
    /// If it was accepted at all, it was by then.
    accepted: Option<u64>,
    confirmed: bool,
    /// Refused for what it holds.
    refused: bool,
    /// Its caller has gone away without an answer.
    abandoned: bool,
}

/// Which change.
pub type Number = usize;

impl Oracle {
    /// Something happened.
    pub fn step(&self) {
        self.lock().clock += 1;
    }

    pub fn steps(&self) -> u64 {
        self.lock().clock
    }

    /// A change is about to be sent.
    pub fn begin(&self, id: PointId, content: Content) -> Number {
        let mut log = self.lock();
        log.clock += 1;
        let change =
            Change { content, begun: log.clock, accepted: None, confirmed: false, refused: false, abandoned: false };
        log.changes.push(change);
        let number = log.changes.len() - 1;
        log.by_id.entry(id).or_default().push(number);
        number
    }

    /// It has been accepted, or will never be.
    pub fn accepted(&self, number: Number) {
        let mut log = self.lock();
        log.clock += 1;
        let now = log.clock;
        log.changes[number].accepted.get_or_insert(now);
    }

    /// Nobody waits for its answer any more.
    pub fn abandoned(&self, number: Number) {
        self.accepted(number);
        self.lock().changes[number].abandoned = true;
    }

    /// A change arrives at the store: somebody must wait for it.
    pub fn sent(&self, id: PointId, content: Content) {
        let log = self.lock();
        let mut changes = log.by_id[&id].iter().map(|&number| &log.changes[number]);
        let awaited = changes.any(|change| !change.abandoned && change.content == content);
        self.expect(awaited, || format!("{content:?} of {id:?} is sent, and nobody waits for it"));
    }

    /// Takes note of what must hold and doesn't.
    pub fn expect(&self, holds: bool, message: impl Fn() -> String) {
        if !holds {
            self.violation.get_or_init(message);
        }
    }

    /// Fails if something happened that must not.
    pub fn check(&self) {
        assert_eq!(self.violation.get(), None);
    }

    pub fn refused(&self, number: Number) {
        self.accepted(number);
        self.lock().changes[number].refused = true;
    }

    /// It is answered with success, while the store holds `durable`.
    pub fn confirmed(&self, number: Number, id: PointId, durable: Content) {
        self.accepted(number);
        let mut log = self.lock();
        log.changes[number].confirmed = true;
        log.check(id, durable);
    }

    /// The process is gone: nothing that it read will be accepted later.
    pub fn killed(&self) {
        let mut log = self.lock();
        log.clock += 1;
        let now = log.clock;
        log.changes.iter_mut().for_each(|change| change.accepted = change.accepted.or(Some(now)));
    }

    /// Compares all ids with what would be there after a kill.
    pub fn check_all(&self, durable: &BTreeMap<PointId, u64>) {
        let log = self.lock();
        log.by_id.keys().for_each(|id| log.check(*id, durable.get(id).copied()));
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }
}

impl Log {
    /// A store may hold a change, or the state before any, if no confirmed change was accepted after it.
    fn check(&self, id: PointId, durable: Content) {
        let changes = || self.by_id[&id].iter().map(|&number| &self.changes[number]);
        let confirmed = changes().filter(|change| change.confirmed).map(|change| change.begun).max();
        let possible = |change: &Change| {
            let last = change.accepted.is_none_or(|accepted| confirmed.is_none_or(|begun| accepted > begun));
            last && !change.refused && change.content == durable
        };
        let untouched = confirmed.is_none() && durable.is_none();
        assert!(
            untouched || changes().any(possible),
            "{id:?} is {durable:?} after {:#?}",
            changes().collect::<Vec<_>>()
        );
    }
}
