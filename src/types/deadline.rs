//! Deadlines that can't overflow the clock.

use std::time::Duration;

use tokio::time::Instant;

/// Stands for "never" where the clock can't represent the deadline itself; also what tokio's own timers use.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// Returns the deadline `after` the start: `start + after`, which panics where the clock can't represent it, as a
/// deadline far in the future. For durations that a client, a server or an operator chose.
pub fn compute_deadline(start: Instant, timeout: Duration) -> Instant {
    start.checked_add(timeout).or_else(|| start.checked_add(FAR_FUTURE)).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_deadline_is_never_a_panic_nor_early(seconds: u64, nanos in 0u32..1_000_000_000) {
            let (start, after) = (Instant::now(), Duration::new(seconds, nanos));
            let deadline = compute_deadline(start, after);
            prop_assert!(deadline >= start + after.min(FAR_FUTURE));
        }
    }

    #[test]
    fn a_deadline_is_exact_where_the_clock_has_it() {
        let start = Instant::now();
        assert_eq!(compute_deadline(start, Duration::from_secs(7)), start + Duration::from_secs(7));
        assert_eq!(compute_deadline(start, Duration::MAX), start + FAR_FUTURE);
    }
}
