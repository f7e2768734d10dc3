//! Batching by number of items, weight and age. A pure state machine: callers pass the current time, and nothing here
//! waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::types::compute_deadline;

/// Limits of a batch. It is closed when it reaches one of them.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Maximum number of items.
    pub max_items: usize,
    /// Maximum total weight, in a unit chosen by the caller, such as bytes or tokens. A heavier item forms its own
    /// batch.
    pub max_weight: usize,
    /// Maximum time that an item waits for others.
    pub max_age: Duration,
}

/// Collector of items into batches, in order.
#[derive(Debug)]
pub struct WeightedBatcher<T> {
    limits: BatchLimits,
    items: Vec<T>,
    weight: usize,
    /// Time at which the oldest item reaches the maximum age.
    deadline: Option<Instant>,
}

impl<T> WeightedBatcher<T> {
    /// Creates an empty batcher.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, items: Vec::new(), weight: 0, deadline: None }
    }

    /// Adds an item, and returns the batch that this closes, if any: the previous items, if the new item does not fit
    /// with them, or all items, if the new item fills the batch.
    pub fn push(&mut self, item: T, weight: usize, now: Instant) -> Option<Vec<T>> {
        let is_fitting = self.weight.saturating_add(weight) <= self.limits.max_weight;
        let closed_batch = if is_fitting { None } else { self.flush() };
        self.items.push(item);
        self.weight = self.weight.saturating_add(weight);
        self.deadline.get_or_insert_with(|| compute_deadline(now, self.limits.max_age));
        let is_full = self.items.len() >= self.limits.max_items || self.weight >= self.limits.max_weight;
        // At most one batch per call: if the item closed the previous batch and also fills its own, the next call
        // closes that one.
        if is_full && closed_batch.is_none() { self.flush() } else { closed_batch }
    }

    /// Returns the time at which [`Self::flush`] is due; `None` if the batch is empty.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Closes the batch and returns its items; `None` if it is empty.
    pub fn flush(&mut self) -> Option<Vec<T>> {
        self.deadline = None;
        self.weight = 0;
        (!self.items.is_empty()).then(|| std::mem::take(&mut self.items))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: BatchLimits = BatchLimits { max_items: 5, max_weight: 20, max_age: Duration::from_millis(100) };

    proptest! {
        /// Invariants: no item is lost or reordered, no batch exceeds the limits, and no item waits longer than the
        /// maximum age.
        #[test]
        fn batches_keep_order_and_limits(items in prop::collection::vec((0usize..30, 0u64..80), 0..60)) {
            let start = Instant::now();
            let mut now = start;
            let mut batcher: WeightedBatcher<(usize, usize, Instant)> = WeightedBatcher::new(LIMITS);
            let mut batches: Vec<Vec<(usize, usize, Instant)>> = Vec::new();
            for (number, (weight, pause)) in items.iter().copied().enumerate() {
                let next = now + Duration::from_millis(pause);
                // The driver flushes when the deadline passes.
                if let Some(deadline) = batcher.deadline().filter(|&deadline| deadline <= next) {
                    let batch = batcher.flush().unwrap();
                    prop_assert!(batch.iter().all(|item| deadline - item.2 <= LIMITS.max_age));
                    batches.push(batch);
                }
                now = next;
                batches.extend(batcher.push((number, weight, now), weight, now));
                prop_assert!(batcher.deadline().is_none_or(|deadline| deadline <= now + LIMITS.max_age));
            }
            batches.extend(batcher.flush());
            prop_assert_eq!(batcher.deadline(), None);
            let order: Vec<usize> = batches.iter().flatten().map(|item| item.0).collect();
            prop_assert_eq!(order, (0..items.len()).collect::<Vec<_>>());
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= LIMITS.max_items);
                prop_assert!(batch.len() == 1 || batch.iter().map(|item| item.1).sum::<usize>() <= LIMITS.max_weight);
            }
        }
    }

    #[test]
    fn the_deadline_of_an_unlimited_age_is_in_the_future() {
        let mut batcher = WeightedBatcher::new(BatchLimits { max_age: Duration::MAX, ..LIMITS });
        let now = Instant::now();
        batcher.push(1, 1, now);
        assert!(batcher.deadline().is_some_and(|deadline| deadline > now));
    }

    #[test]
    fn a_full_batch_is_closed_immediately() {
        let mut batcher = WeightedBatcher::new(LIMITS);
        let now = Instant::now();
        for item in 0..4 {
            assert_eq!(batcher.push(item, 1, now), None);
        }
        assert_eq!(batcher.push(4, 1, now), Some(vec![0, 1, 2, 3, 4]));
    }
}
