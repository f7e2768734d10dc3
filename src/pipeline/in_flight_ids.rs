//! The ids of a collection whose changes are in flight.
//!
//! A change, an upsert or a delete of any call, joins the line of its id when it is accepted, and leaves it when the store
//! can't apply it any more: it is answered, or was dropped before it was sent. Only the first in line goes on. So for each
//! id the store ends up with the changes in the order in which they were accepted, whatever streams, batches and retries
//! they are in.
//!
//! Nothing waits in a circle: a change waits only for changes that joined before it, and the first in line needs nothing
//! that a later one holds.
//!
//! See docs/adr/0001-order-of-changes.md.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::types::PointId;

/// The ids of one collection.
#[derive(Debug, Clone, Default)]
pub struct InFlightIds {
    queues: Arc<Mutex<IdQueues>>,
}

#[derive(Debug, Default)]
struct IdQueues {
    /// Never empty lines.
    by_id: HashMap<PointId, VecDeque<QueuedChange>>,
    /// The number of the next change.
    next_number: u64,
}

/// A change in the line of its id.
#[derive(Debug)]
struct QueuedChange {
    number: u64,
    /// Tells the change that it is the first in line.
    ready_sender: Option<oneshot::Sender<()>>,
}

/// A change's position in the line of its id. Dropped, it leaves the line.
#[derive(Debug)]
pub struct Claim {
    ids: InFlightIds,
    id: PointId,
    number: u64,
    /// `None` when it is the first in line.
    ready: Option<oneshot::Receiver<()>>,
}

impl InFlightIds {
    /// Joins the line of an id.
    pub fn enqueue(&self, id: PointId) -> Claim {
        let mut queues = self.lock();
        self.enqueue_locked(&mut queues, id)
    }

    /// Joins the lines of several ids at one moment, so that two callers can't each be before the other. Each id once.
    pub fn enqueue_all(&self, ids: impl IntoIterator<Item = PointId>) -> Vec<Claim> {
        let mut queues = self.lock();
        ids.into_iter().map(|id| self.enqueue_locked(&mut queues, id)).collect()
    }

    /// Whether no change is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().by_id.is_empty()
    }

    fn enqueue_locked(&self, queues: &mut IdQueues, id: PointId) -> Claim {
        let number = queues.next_number;
        queues.next_number += 1;
        let queue = queues.by_id.entry(id).or_default();
        let (sender, receiver) = match queue.is_empty() {
            true => (None, None),
            false => Some(oneshot::channel()).unzip(),
        };
        queue.push_back(QueuedChange { number, ready_sender: sender });
        Claim { ids: self.clone(), id, number, ready: receiver }
    }

    fn lock(&self) -> MutexGuard<'_, IdQueues> {
        self.queues.lock()
    }
}

impl Claim {
    /// Waits until it is the first in line. If the wait is broken off, it goes on with the next call.
    pub async fn wait_until_first(&mut self) {
        if let Some(ready) = &mut self.ready {
            // The sender stays in the line until it has sent.
            let _notified = ready.await;
            self.ready = None;
        }
    }

    /// Whether others are before it.
    pub fn must_wait(&self) -> bool {
        self.ready.is_some()
    }

    /// Whether another change of the id waits for this one.
    pub fn has_waiters(&self) -> bool {
        let queues = self.ids.lock();
        queues.by_id.get(&self.id).is_some_and(|queue| queue.back().is_some_and(|last| last.number != self.number))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut queues = self.ids.lock();
        let Some(queue) = queues.by_id.get_mut(&self.id) else { return };
        // Those who joined later have higher numbers.
        if let Ok(index) = queue.binary_search_by_key(&self.number, |position| position.number) {
            queue.remove(index);
        }
        match queue.front_mut() {
            None => drop(queues.by_id.remove(&self.id)),
            Some(first) => {
                if let Some(ready_sender) = first.ready_sender.take() {
                    // Whoever has gone away meanwhile leaves the line by its own drop.
                    let _sent = ready_sender.send(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::testing::is_pending;

    #[tokio::test]
    async fn the_second_of_an_id_waits_for_the_first() {
        let ids = InFlightIds::default();
        let (first, other) = (ids.enqueue(PointId::Num(1)), ids.enqueue(PointId::Num(2)));
        assert!(!first.must_wait() && !other.must_wait() && !first.has_waiters());
        let mut second = ids.enqueue(PointId::Num(1));
        assert!(second.must_wait() && first.has_waiters() && !other.has_waiters());
        drop(other);
        assert!(is_pending(second.wait_until_first()).await, "another id was released");
        drop(first);
        second.wait_until_first().await;
        assert!(!second.must_wait() && !second.has_waiters());
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
                        changes.push((number, ids.enqueue_all(joined.into_iter().map(PointId::Num))));
                    }
                    Event::Leave(_) if changes.is_empty() => {}
                    Event::Leave(index) => drop(changes.remove(index.index(changes.len()))),
                }
                let mut in_line = HashMap::new();
                for (number, claims) in &mut changes {
                    for claim in claims {
                        let first = futures_util::FutureExt::now_or_never(claim.wait_until_first()).is_some();
                        let expected = *in_line.entry(claim.id).or_insert(*number) == *number;
                        prop_assert_eq!(first, expected);
                    }
                }
                prop_assert_eq!(ids.lock().by_id.len(), in_line.len());
            }
        }
    }
}
