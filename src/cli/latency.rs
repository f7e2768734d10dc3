//! Latency percentiles of a series of calls.

use std::time::Duration;

use serde_json::{Value, json};

/// Round-trip times of a series of calls.
#[derive(Debug)]
pub struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    pub fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self { sorted: durations }
    }

    /// Returns the percentile by nearest rank; zero if there were no calls.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).or(self.sorted.last()).copied().unwrap_or_default()
    }

    pub fn to_text(&self) -> String {
        format!(
            "{} calls, one at a time: p50 {:.2} ms, p99 {:.2} ms\n",
            self.sorted.len(),
            to_milliseconds(self.percentile(50)),
            to_milliseconds(self.percentile(99)),
        )
    }

    pub fn to_json(&self) -> Value {
        json!({
            "calls": self.sorted.len(),
            "p50_ms": to_milliseconds(self.percentile(50)),
            "p99_ms": to_milliseconds(self.percentile(99)),
        })
    }
}

fn to_milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latencies(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies::new(milliseconds.into_iter().map(Duration::from_millis).collect())
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred = latencies((1..=100).rev());
        assert_eq!(hundred.percentile(50), Duration::from_millis(50));
        assert_eq!(hundred.percentile(99), Duration::from_millis(99));
        assert_eq!(hundred.percentile(100), Duration::from_millis(100));
        assert_eq!(latencies([3, 1, 2]).percentile(50), Duration::from_millis(2));
        assert_eq!(latencies([7]).percentile(99), Duration::from_millis(7));
        assert_eq!(latencies([]).percentile(50), Duration::ZERO);
    }

    proptest! {
        /// Property: at least `percent` of the calls took at most the percentile, and fewer took less.
        #[test]
        fn percentiles_split_the_calls(durations in prop::collection::vec(0u64..50, 1..200), percent in 1usize..=100) {
            let percentile = latencies(durations.clone()).percentile(percent);
            let count = |test: &dyn Fn(Duration) -> bool| {
                durations.iter().filter(|&&milliseconds| test(Duration::from_millis(milliseconds))).count()
            };
            prop_assert!(count(&|duration| duration <= percentile) * 100 >= percent * durations.len());
            prop_assert!(count(&|duration| duration < percentile) * 100 < percent * durations.len());
        }
    }
}
