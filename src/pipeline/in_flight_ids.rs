//! In-flight changes per document id, which keeps changes of the same document in order.
//!
//! A change (an upsert or a delete of any call) joins the queue of its id when it is accepted. It leaves the queue when
//! the store can't apply it any more: it was answered, or dropped before it was sent. Only the first change in a queue
//! proceeds. The store therefore applies the changes of an id in the order of acceptance, across streams, batches and
//! retries.
//!
//! Cannot deadlock: a change waits only for changes that joined before it, and the first in a queue needs nothing that
//! a later one holds.
//!
//! See docs/adr/0001-order-of-changes.md.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::types::PointId;

/// Queues of in-flight changes, by id, of one collection.
#[derive(Debug, Clone, Default)]
pub struct InFlightIds {
    queues: Arc<Mutex<IdQueues>>,
}

#[derive(Debug, Default)]
struct IdQueues {
    /// Contains no empty queues.
    by_id: HashMap<PointId, VecDeque<QueuedChange>>,
    /// Number of the next change.
    next_number: u64,
}

/// Change in the queue of its id.
#[derive(Debug)]
struct QueuedChange {
    number: u64,
    /// Wakes the change when it becomes the first in its queue.
    ready_sender: Option<oneshot::Sender<()>>,
}

/// Place of a change in the queue of its id. Leaves the queue on drop.
#[derive(Debug)]
pub struct Claim {
    ids: InFlightIds,
    id: PointId,
    number: u64,
    /// `None` once the change is the first in its queue.
    ready: Option<oneshot::Receiver<()>>,
}

impl InFlightIds {
    /// Joins the queue of an id.
    pub fn enqueue(&self, id: PointId) -> Claim {
        let mut queues = self.lock();
        self.enqueue_locked(&mut queues, id)
    }

    /// Joins the queues of several distinct ids atomically, so that two callers can't wait for each other.
    pub fn enqueue_all(&self, ids: impl IntoIterator<Item = PointId>) -> Vec<Claim> {
        let mut queues = self.lock();
        ids.into_iter().map(|id| self.enqueue_locked(&mut queues, id)).collect()
    }

    /// Returns true if no change is in flight.
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
    /// Waits until the change is the first in its queue. Cancel safe.
    pub async fn wait_until_first(&mut self) {
        if let Some(ready) = &mut self.ready {
            // The queue keeps the sender until it has sent, so an error means that it was sent before.
            let _notified = ready.await;
            self.ready = None;
        }
    }

    /// Returns true if earlier changes of the id are in flight.
    pub fn must_wait(&self) -> bool {
        self.ready.is_some()
    }

    /// Returns true if later changes of the id wait for this one.
    pub fn has_waiters(&self) -> bool {
        let queues = self.ids.lock();
        queues.by_id.get(&self.id).is_some_and(|queue| queue.back().is_some_and(|last| last.number != self.number))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut queues = self.ids.lock();
        let Some(queue) = queues.by_id.get_mut(&self.id) else { return };
        // Sorted, because numbers increase with each change that joins.
        if let Ok(index) = queue.binary_search_by_key(&self.number, |position| position.number) {
            queue.remove(index);
        }
        match queue.front_mut() {
            None => drop(queues.by_id.remove(&self.id)),
            Some(first) => {
                if let Some(ready_sender) = first.ready_sender.take() {
                    // Fails if that claim is being dropped; its own drop then removes it and wakes the next.
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
    async fn the_second_change_of_an_id_waits_for_the_first() {
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

    /// Event of a test run: a change joins the queues of some ids, or one of the queued changes leaves.
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
        /// Invariant: in each queue, exactly the change that joined first of those still present is ready.
        #[test]
        fn queues_are_in_the_order_of_joining(events in events()) {
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
                let mut first_in_queue = HashMap::new();
                for (number, claims) in &mut changes {
                    for claim in claims {
                        let first = futures_util::FutureExt::now_or_never(claim.wait_until_first()).is_some();
                        let expected = *first_in_queue.entry(claim.id).or_insert(*number) == *number;
                        prop_assert_eq!(first, expected);
                    }
                }
                prop_assert_eq!(ids.lock().by_id.len(), first_in_queue.len());
            }
        }
    }
}
