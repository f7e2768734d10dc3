//! Deadlines without overflow of the clock.

use std::time::Duration;

use tokio::time::Instant;

/// Substitute for a deadline that the clock can't represent; the value that tokio's timers use.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// Returns `start + timeout`, or a time in the far future if the clock can't represent it, where the addition would
/// panic. Use it for durations that a client, a server or an operator chose.
pub fn compute_deadline(start: Instant, timeout: Duration) -> Instant {
    start.checked_add(timeout).or_else(|| start.checked_add(FAR_FUTURE)).unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_deadline_neither_panics_nor_is_early(seconds: u64, nanos in 0u32..1_000_000_000) {
            let (start, after) = (Instant::now(), Duration::new(seconds, nanos));
            let deadline = compute_deadline(start, after);
            prop_assert!(deadline >= start + after.min(FAR_FUTURE));
        }
    }

    #[test]
    fn a_deadline_is_exact_if_the_clock_can_represent_it() {
        let start = Instant::now();
        assert_eq!(compute_deadline(start, Duration::from_secs(7)), start + Duration::from_secs(7));
        assert_eq!(compute_deadline(start, Duration::MAX), start + FAR_FUTURE);
    }
}
