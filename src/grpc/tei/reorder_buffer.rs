//! Reordering of results that complete out of order.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

/// Maximum number of items in flight, including those whose result waits for an earlier one.
const MAX_PENDING_ITEMS: usize = 1_024;

/// Returns results in the order of their items, which have the sequence numbers 1, 2, …
///
/// The producer sends the arrival of each item before it submits the item, and waits while `MAX_PENDING_ITEMS` arrivals are
/// pending. This bounds the number of results that wait for an earlier one.
#[derive(Debug)]
pub struct ReorderBuffer<A, T> {
    arrivals: mpsc::Receiver<A>,
    finished: BTreeMap<u64, T>,
    next_sequence: u64,
}

impl<A, T> ReorderBuffer<A, T> {
    /// Creates a buffer, and the sender for arrivals, which must be sent in the order of the sequence numbers.
    pub fn new() -> (mpsc::Sender<A>, Self) {
        let (sender, arrivals) = mpsc::channel(MAX_PENDING_ITEMS);
        (sender, Self { arrivals, finished: BTreeMap::new(), next_sequence: 1 })
    }

    /// Adds the result of an item.
    pub fn insert(&mut self, sequence: u64, result: T) {
        self.finished.insert(sequence, result);
    }

    /// Removes and returns the next result in order with its arrival, if it is available.
    pub fn pop_next(&mut self) -> Option<(A, T)> {
        let result = self.finished.remove(&self.next_sequence)?;
        self.next_sequence += 1;
        self.arrivals.try_recv().ok().map(|arrival| (arrival, result))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: for every order of completion, results are returned in sequence order, and as early as possible.
        #[test]
        fn results_are_returned_in_sequence_order(numbers in Just((1u64..=40).collect::<Vec<_>>()).prop_shuffle()) {
            let (arrivals, mut order) = ReorderBuffer::new();
            (1u64..=40).for_each(|number| arrivals.try_send(number).unwrap());
            let mut given = 0;
            for (count, number) in (1..).zip(&numbers) {
                order.insert(*number, *number);
                while let Some(pair) = order.pop_next() {
                    given += 1;
                    prop_assert_eq!(pair, (given, given));
                }
                let so_far = &numbers[..count];
                prop_assert!((1..=given).all(|number| so_far.contains(&number)) && !so_far.contains(&(given + 1)));
            }
            prop_assert_eq!(given, 40);
        }
    }

    #[test]
    fn pending_items_are_bounded() {
        let (arrivals, mut order) = ReorderBuffer::new();
        for _ in 0..MAX_PENDING_ITEMS {
            arrivals.try_send(()).unwrap();
        }
        order.insert(2, "second");
        assert_eq!(order.pop_next(), None);
        assert!(arrivals.try_send(()).is_err(), "the first has no result");
        order.insert(1, "first");
        assert_eq!(
            (order.pop_next(), order.pop_next(), order.pop_next()),
            (Some(((), "first")), Some(((), "second")), None)
        );
        arrivals.try_send(()).unwrap();
    }
}
