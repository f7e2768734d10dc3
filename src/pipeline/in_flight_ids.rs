//! The ids of a collection whose changes are in flight.
//!
//! A change, an upsert or a delete of any call, joins the line of its id when it is accepted, and leaves it when the store
//! can't apply it any more: it is answered, or was dropped before it was sent. Only the first in line goes on. So for each
//! id the store ends up with the changes in the order in which they were accepted, whatever streams, batches and retries
//! they are in.
//!
//! Nothing waits in a circle: a change waits only for changes that joined before it, and the first in line needs nothing
//! that a later one holds.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::types::PointId;

/// The ids of one collection.
#[derive(Debug, Clone, Default)]
pub struct InFlightIds {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    /// Never empty lines.
    by_id: HashMap<PointId, VecDeque<Position>>,
    /// The number of the next change.
    next: u64,
}

/// A change in the line of its id.
#[derive(Debug)]
struct Position {
    number: u64,
    /// Tells the change that it is the first in line.
    first: Option<oneshot::Sender<()>>,
}

/// A change's position in the line of its id. Dropped, it leaves the line.
#[derive(Debug)]
pub struct Claim {
    ids: InFlightIds,
    id: PointId,
    number: u64,
    /// `None` when it is the first in line.
    first: Option<oneshot::Receiver<()>>,
}

impl InFlightIds {
    /// Joins the line of an id.
    pub fn join(&self, id: PointId) -> Claim {
        let mut lines = self.lock();
        self.join_locked(&mut lines, id)
    }

    /// Joins the lines of several ids at one moment, so that two callers can't each be before the other. Each id once.
    pub fn join_all(&self, ids: impl IntoIterator<Item = PointId>) -> Vec<Claim> {
        let mut lines = self.lock();
        ids.into_iter().map(|id| self.join_locked(&mut lines, id)).collect()
    }

    /// Whether no change is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    fn join_locked(&self, lines: &mut Lines, id: PointId) -> Claim {
        let number = lines.next;
        lines.next += 1;
        let line = lines.by_id.entry(id).or_default();
        let (sender, receiver) = match line.is_empty() {
            true => (None, None),
            false => Some(oneshot::channel()).unzip(),
        };
        line.push_back(Position { number, first: sender });
        Claim { ids: self.clone(), id, number, first: receiver }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock()
    }
}

impl Claim {
    /// Waits until it is the first in line. If the wait is broken off, it goes on with the next call.
    pub async fn first_in_line(&mut self) {
        if let Some(first) = &mut self.first {
            // The sender stays in the line until it has sent.
            let _told = first.await;
            self.first = None;
        }
    }

    /// Whether others are before it.
    pub fn must_wait(&self) -> bool {
        self.first.is_some()
    }

    /// Whether another change of the id waits for this one.
    pub fn is_awaited(&self) -> bool {
        let lines = self.ids.lock();
        lines.by_id.get(&self.id).is_some_and(|line| line.back().is_some_and(|last| last.number != self.number))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut lines = self.ids.lock();
        let Some(line) = lines.by_id.get_mut(&self.id) else { return };
        // Those who joined later have higher numbers.
        if let Ok(index) = line.binary_search_by_key(&self.number, |position| position.number) {
            line.remove(index);
        }
        match line.front_mut() {
            None => drop(lines.by_id.remove(&self.id)),
            Some(first) => {
                if let Some(first) = first.first.take() {
                    // Whoever has gone away meanwhile leaves the line by its own drop.
                    let _told = first.send(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::testing::pending;

    #[tokio::test]
    async fn the_second_of_an_id_waits_for_the_first() {
        let ids = InFlightIds::default();
        let (first, other) = (ids.join(PointId::Num(1)), ids.join(PointId::Num(2)));
        assert!(!first.must_wait() && !other.must_wait() && !first.is_awaited());
        let mut second = ids.join(PointId::Num(1));
        assert!(second.must_wait() && first.is_awaited() && !other.is_awaited());
        drop(other);
        assert!(pending(second.first_in_line()).await, "another id was released");
        drop(first);
        second.first_in_line().await;
        assert!(!second.must_wait() && !second.is_awaited());
        drop(second);
        assert!(ids.is_empty());
    }

    /// What happens to changes: one joins the lines of some ids, or one of those in line goes.
    #[derive(Debug, Clone)]
    enum Event {
        Join(Vec<u64>),
        Leave(prop::sample::Index),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let ids = prop::sample::subsequence(vec![1, 2, 3], 1..=3);
        let event = prop_oneof![ids.prop_map(Event::Join), any::<prop::sample::Index>().prop_map(Event::Leave)];
        prop::collection::vec(event, 1..60)
    }

    proptest! {
        /// Law: of each id, the first in line is the one that joined first of those that have not left; nobody else is, and
        /// nobody waits for ever.
        #[test]
        fn lines_are_in_the_order_of_joining(events in events()) {
            let ids = InFlightIds::default();
            let mut changes: Vec<(u64, Vec<Claim>)> = Vec::new();
            for (number, event) in (0u64..).zip(events) {
                match event {
                    Event::Join(joined) => {
                        changes.push((number, ids.join_all(joined.into_iter().map(PointId::Num))));
                    }
                    Event::Leave(_) if changes.is_empty() => {}
                    Event::Leave(index) => drop(changes.remove(index.index(changes.len()))),
                }
                let mut in_line = HashMap::new();
                for (number, claims) in &mut changes {
                    for claim in claims {
                        let first = futures_util::FutureExt::now_or_never(claim.first_in_line()).is_some();
                        let expected = *in_line.entry(claim.id).or_insert(*number) == *number;
                        prop_assert_eq!(first, expected);
                    }
                }
                prop_assert_eq!(ids.lock().by_id.len(), in_line.len());
            }
        }
    }
}
