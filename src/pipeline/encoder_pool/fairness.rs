//! Fairness between the lanes: queries have priority, up to a share of each thread's time.
//!
//! See docs/adr/0044-query-priority.md.

use std::cell::Cell;
use std::time::Duration;

/// Time that queries may use on a thread while bulk work waits, before bulk work gets its share.
const MAX_QUERY_BURST: Duration = Duration::from_millis(500);
/// Maximum query time owed to bulk work. Without it, a query of one minute would delay later queries by 20 seconds.
const MAX_DEBT: Duration = Duration::from_secs(1);
/// Query time allowed per unit of bulk time.
const QUERY_TO_BULK_RATIO: u32 = 3;

/// Account of one thread's time. While bulk work waits, queries accumulate debt, which bulk work pays back.
#[derive(Debug, Default)]
pub struct Fairness {
    query_debt: Cell<Duration>,
}

impl Fairness {
    /// Returns true if queries take precedence over waiting bulk work.
    pub fn should_serve_queries_first(&self) -> bool {
        self.query_debt.get() < MAX_QUERY_BURST
    }

    /// Records time spent on queries while bulk work waited.
    pub fn charge_queries(&self, time: Duration) {
        self.query_debt.set((self.query_debt.get() + time).min(MAX_DEBT));
    }

    /// Records time spent on bulk work.
    pub fn credit_bulk(&self, time: Duration) {
        self.query_debt.set(self.query_debt.get().saturating_sub(time * QUERY_TO_BULK_RATIO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invariants: under any query load, bulk work gets a quarter of the time; after a pause, a query is served first.
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
    fn a_long_query_delays_the_next_queries_only_briefly() {
        let fairness = Fairness::default();
        fairness.charge_queries(Duration::from_secs(600));
        assert!(!fairness.should_serve_queries_first());
        fairness.credit_bulk(Duration::from_millis(200));
        assert!(fairness.should_serve_queries_first());
    }
}
