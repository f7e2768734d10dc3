//! How many upserts may be in flight: additive increase, multiplicative decrease, as TCP has it (RFC 5681).

/// The limit, moved by what the store says.
#[derive(Debug)]
pub struct Aimd {
    limit: f64,
    max: usize,
}

impl Aimd {
    /// Begins with one upsert in flight and never allows more than `max`.
    pub fn new(max: usize) -> Self {
        Self { limit: 1.0, max: max.max(1) }
    }

    /// How many may be in flight now; at least one.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// An upsert succeeded: one more for each full round of the limit.
    pub fn succeeded(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.max as f64);
    }

    /// The store refused or did not answer: half as many.
    pub fn refused(&mut self) {
        self.limit = (self.limit / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Law: the limit stays in its bounds, rises by successes alone and falls by refusals alone.
        #[test]
        fn stays_in_bounds(max in 1usize..20, events in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut aimd = Aimd::new(max);
            for success in events {
                let before = aimd.limit();
                if success { aimd.succeeded() } else { aimd.refused() }
                prop_assert!((1..=max).contains(&aimd.limit()));
                let moved = aimd.limit().cmp(&before);
                prop_assert_ne!(moved, if success { Ordering::Less } else { Ordering::Greater });
            }
        }
    }

    #[test]
    fn recovers_to_its_maximum() {
        let mut aimd = Aimd::new(8);
        (0..64).for_each(|_| aimd.succeeded());
        assert_eq!(aimd.limit(), 8);
        aimd.refused();
        assert_eq!(aimd.limit(), 4);
    }
}
