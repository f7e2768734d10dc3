//! Results in the order of their items, whichever is ready first.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

/// The most items that are under way and have no result yet, or one that waits for those before it.
const WINDOW: usize = 1_024;

/// Puts results, which come under the numbers 1, 2, … of their items, in order.
///
/// Whoever sends an item on its way first notes its arrival, and waits there while the window is full. So what waits here for
/// an earlier result is bounded.
#[derive(Debug)]
pub struct InOrder<A, T> {
    arrivals: mpsc::Receiver<A>,
    ready: BTreeMap<u64, T>,
    next: u64,
}

impl<A, T> InOrder<A, T> {
    /// Where arrivals are noted, in the order of the numbers, and what puts the results in that order.
    pub fn new() -> (mpsc::Sender<A>, Self) {
        let (sender, arrivals) = mpsc::channel(WINDOW);
        (sender, Self { arrivals, ready: BTreeMap::new(), next: 1 })
    }

    /// Takes a result.
    pub fn put(&mut self, number: u64, result: T) {
        self.ready.insert(number, result);
    }

    /// The next result with its arrival, if it is there.
    pub fn take(&mut self) -> Option<(A, T)> {
        let result = self.ready.remove(&self.next)?;
        self.next += 1;
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
            let (arrivals, mut order) = InOrder::new();
            (1u64..=40).for_each(|number| arrivals.try_send(number).unwrap());
            let mut given = 0;
            for (count, number) in (1..).zip(&numbers) {
                order.put(*number, *number);
                while let Some(pair) = order.take() {
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
        let (arrivals, mut order) = InOrder::new();
        for _ in 0..WINDOW {
            arrivals.try_send(()).unwrap();
        }
        order.put(2, "second");
        assert_eq!(order.take(), None);
        assert!(arrivals.try_send(()).is_err(), "the first has no result");
        order.put(1, "first");
        assert_eq!((order.take(), order.take(), order.take()), (Some(((), "first")), Some(((), "second")), None));
        arrivals.try_send(()).unwrap();
    }
}
