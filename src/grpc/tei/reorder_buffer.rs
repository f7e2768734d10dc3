//! Results in the order of their items, whichever is ready first.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

/// The most items that are under way and have no result yet, or one that waits for those before it.
const MAX_PENDING_ITEMS: usize = 1_024;

/// Puts results, which come under the numbers 1, 2, … of their items, in order.
///
/// Whoever sends an item on its way first notes its arrival, and waits there while the window is full. So what waits here for
/// an earlier result is bounded.
#[derive(Debug)]
pub struct ReorderBuffer<A, T> {
    arrivals: mpsc::Receiver<A>,
    finished: BTreeMap<u64, T>,
    next_sequence: u64,
}

impl<A, T> ReorderBuffer<A, T> {
    /// Where arrivals are noted, in the order of the numbers, and what puts the results in that order.
    pub fn new() -> (mpsc::Sender<A>, Self) {
        let (sender, arrivals) = mpsc::channel(MAX_PENDING_ITEMS);
        (sender, Self { arrivals, finished: BTreeMap::new(), next_sequence: 1 })
    }

    /// Takes a result.
    pub fn insert(&mut self, sequence: u64, result: T) {
        self.finished.insert(sequence, result);
    }

    /// The next result with its arrival, if it is there.
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
        /// Law: in whichever order results come, they are given out in the order of their numbers, each as soon as it can be.
        #[test]
        fn results_come_in_the_order_of_their_numbers(numbers in Just((1u64..=40).collect::<Vec<_>>()).prop_shuffle()) {
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
    fn no_more_wait_than_the_window_has_room_for() {
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
