//! Fairness between the lanes: queries come first, but not for ever.
//!
//! See docs/adr/0044-query-priority.md.

use std::cell::Cell;
use std::time::Duration;

/// What queries may take of a thread at once before streams get their part.
const MAX_QUERY_BURST: Duration = Duration::from_millis(500);
/// The most that is owed: a query that takes a minute must not make the next ones wait for a third of that.
const MAX_DEBT: Duration = Duration::from_secs(1);
/// For each time that streams get, queries may take so many times it.
const QUERY_TO_BULK_RATIO: u32 = 3;

/// One thread's account. While work of streams waits, queries take time on credit; the work of streams pays it back.
#[derive(Debug, Default)]
pub struct Fairness {
    query_debt: Cell<Duration>,
}

impl Fairness {
    /// Whether queries may come before work of streams that waits.
    pub fn should_serve_queries_first(&self) -> bool {
        self.query_debt.get() < MAX_QUERY_BURST
    }

    /// Queries took so long while work of streams waited.
    pub fn charge_queries(&self, time: Duration) {
        self.query_debt.set((self.query_debt.get() + time).min(MAX_DEBT));
    }

    /// Work of streams took so long.
    pub fn credit_bulk(&self, time: Duration) {
        self.query_debt.set(self.query_debt.get().saturating_sub(time * QUERY_TO_BULK_RATIO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law: however many queries there are, streams keep a quarter of the time; and a query after a pause comes first.
    #[test]
    fn streams_keep_a_quarter() {
        let (fairness, step) = (Fairness::default(), Duration::from_millis(10));
        let (mut queries, mut bulk) = (0, 0);
        for _ in 0..10_000 {
            if fairness.should_serve_queries_first() {
                fairness.charge_queries(step);
                queries += 1;
            } else {
                fairness.credit_bulk(step);
                bulk += 1;
            }
        }
        assert!((2_400..2_600).contains(&bulk), "{queries} to {bulk}");
        fairness.credit_bulk(Duration::from_secs(1));
        assert!(fairness.should_serve_queries_first());
    }

    #[test]
    fn a_query_that_takes_long_does_not_hold_up_the_next_for_long() {
        let fairness = Fairness::default();
        fairness.charge_queries(Duration::from_secs(600));
        assert!(!fairness.should_serve_queries_first());
        fairness.credit_bulk(Duration::from_millis(200));
        assert!(fairness.should_serve_queries_first());
    }
}
