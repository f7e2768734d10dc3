//! Retries with exponential backoff and a shared budget.
//!
//! See docs/adr/0045-retry-budget.md.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget, TpsBudget};

use crate::store::StoreError;

/// First backoff, before jitter.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// Maximum backoff, before jitter, unless the store asks for more.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Period over which calls and retries are counted.
const BUDGET_PERIOD: Duration = Duration::from_secs(10);
const RETRIES_PER_SECOND: u32 = 2;
const RETRIES_PER_CALL: f32 = 0.2;

/// Creates the budget for all retries to a store: two per second plus a fifth of the calls. It keeps retries from
/// multiplying the load on a store that is down. A retry without budget waits.
pub fn new_retry_budget() -> TpsBudget {
    TpsBudget::new(BUDGET_PERIOD, RETRIES_PER_SECOND, RETRIES_PER_CALL)
}

/// Delays between the attempts of one call: exponential backoff with jitter up to a maximum, extended by the store's
/// `retry_after` and by the retry budget.
pub struct RetrySchedule<'a> {
    deadline: Instant,
    budget: &'a (dyn Budget + Sync),
    backoff: RetryBackoff,
}

impl<'a> RetrySchedule<'a> {
    /// Starts the schedule of a new call. No attempt begins after `deadline`.
    pub fn new(deadline: Instant, budget: &'a (dyn Budget + Sync)) -> Self {
        budget.deposit();
        Self { deadline, budget, backoff: new_backoff() }
    }

    /// Waits until the next attempt after one that failed with `error`. Returns false immediately if the error is not
    /// retryable or the delay would exceed the deadline: then there is no further attempt.
    pub async fn wait_before_retry(&mut self, error: &StoreError) -> bool {
        loop {
            let pause = self.backoff.next().unwrap_or(MAX_BACKOFF);
            let pause = error.retry_after().map_or(pause, |retry_after| retry_after.max(pause));
            // Waiting until the deadline would gain nothing, and the caller can pass the store's delay to its client.
            if !error.is_retryable() || pause >= self.deadline.saturating_duration_since(Instant::now()) {
                return false;
            }
            sleep(pause).await;
            if self.budget.withdraw() {
                return true;
            }
        }
    }

    /// Restarts with the shortest backoff, because the store works.
    pub fn reset(&mut self) {
        self.backoff = new_backoff();
    }
}

type RetryBackoff = <ExponentialBuilder as BackoffBuilder>::Backoff;

fn new_backoff() -> RetryBackoff {
    let backoff = ExponentialBuilder::default().with_min_delay(MIN_BACKOFF).with_max_delay(MAX_BACKOFF);
    backoff.with_jitter().without_max_times().build()
}

/// Calls `attempt` until it succeeds, fails with an error that is not retryable, or the next attempt would begin after
/// `deadline`. Calls it at least once, with the delays of [`RetrySchedule`].
///
/// # Errors
/// The error of the last attempt.
pub async fn retry<T, F: Future<Output = Result<T, StoreError>>>(
    deadline: Instant,
    budget: &(dyn Budget + Sync),
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError> {
    let mut retries = RetrySchedule::new(deadline, budget);
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if retries.wait_before_retry(&error).await => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use proptest::prelude::*;

    use super::*;
    use crate::types::compute_deadline;

    /// Budget without a limit.
    struct UnlimitedBudget;

    impl Budget for UnlimitedBudget {
        fn deposit(&self) {}

        fn withdraw(&self) -> bool {
            true
        }
    }

    fn fail_unavailable<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable("down".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn retries_until_success_and_honours_retry_after() {
        let start = Instant::now();
        let mut attempts = 0;
        let outcome = retry(start + Duration::from_secs(60), &new_retry_budget(), || {
            attempts += 1;
            let retry_after = Some(Duration::from_secs(7));
            let refusal = StoreError::Overloaded { message: String::new(), retry_after };
            ready(if attempts < 3 { Err(refusal) } else { Ok(attempts) })
        })
        .await;
        assert_eq!(outcome, Ok(3));
        assert!(start.elapsed() >= Duration::from_secs(14));
    }

    #[tokio::test(start_paused = true)]
    async fn stops_at_the_deadline() {
        let start = Instant::now();
        let mut attempts = 0;
        let deadline = start + Duration::from_secs(20);
        let attempt = || {
            attempts += 1;
            ready(fail_unavailable::<()>())
        };
        let outcome = retry(deadline, &new_retry_budget(), attempt).await;
        assert_eq!(outcome, fail_unavailable());
        assert!(start.elapsed() <= Duration::from_secs(20) && start.elapsed() >= Duration::from_secs(10));
        assert!(attempts > 5);
    }

    proptest! {
        /// Invariant: for any `retry_after` of the store, retries end by the deadline, and immediately if the delay is
        /// longer.
        #[test]
        fn no_delay_exceeds_the_deadline(
            retry_after in prop_oneof![any::<Duration>(), (0u64..200_000).prop_map(Duration::from_millis)],
            max_time in prop_oneof![any::<Duration>(), (0u64..200_000).prop_map(Duration::from_millis)],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let attempts = Cell::new(0_u32);
            let elapsed = runtime.unwrap().block_on(async {
                let start = Instant::now();
                let attempt = || {
                    attempts.set(attempts.get() + 1);
                    let busy = StoreError::Overloaded { message: String::new(), retry_after: Some(retry_after) };
                    ready(if attempts.get() < 4 { Err(busy) } else { Ok(()) })
                };
                let _outcome = retry(compute_deadline(start, max_time), &UnlimitedBudget, attempt).await;
                start.elapsed()
            });
            prop_assert!(elapsed <= max_time.saturating_add(Duration::from_millis(1)));
            prop_assert!(retry_after < max_time || (attempts.get() == 1 && elapsed.is_zero()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_retry_permanent_errors() {
        let mut attempts = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        let refused = || {
            attempts += 1;
            ready(Err::<(), _>(StoreError::Refused("no".into())))
        };
        let outcome = retry(deadline, &new_retry_budget(), refused).await;
        assert_eq!(outcome, Err(StoreError::Refused("no".into())));
        assert_eq!(attempts, 1);
    }

    /// Invariant: retries to a store that is down stay within the budget for any number of failing calls, and no call
    /// gives up before its deadline for lack of budget.
    #[tokio::test(start_paused = true)]
    async fn many_calls_share_one_budget() {
        const CALLS: usize = 200;
        const SECONDS: usize = 120;
        let (budget, attempts, start) = (new_retry_budget(), Cell::new(0), Instant::now());
        let deadline = start + Duration::from_secs(SECONDS as u64);
        let call = || {
            let attempt = || {
                attempts.set(attempts.get() + 1);
                ready(fail_unavailable::<()>())
            };
            retry(deadline, &budget, attempt)
        };
        let outcomes = futures_util::future::join_all((0..CALLS).map(|_| call())).await;
        assert!(outcomes.into_iter().all(|outcome| outcome == fail_unavailable()));
        assert!(start.elapsed() >= Duration::from_secs(SECONDS as u64 - 15));
        let retries = attempts.get() - CALLS;
        // The share per call counts once; the retries per second accumulate. 20 is the initial reserve of a period.
        let allowed = 20 + CALLS / 5 + 2 * SECONDS;
        assert!((SECONDS..=allowed).contains(&retries), "{retries} retries, {allowed} allowed");
    }
}
