//! Trying again what can succeed later.
//!
//! See docs/adr/0045-retry-budget.md.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget, TpsBudget};

use crate::store::StoreError;

/// The first pause, before jitter.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// The longest pause, before jitter, unless the store asks for more.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Period over which calls and retries are counted.
const BUDGET_PERIOD: Duration = Duration::from_secs(10);
const RETRIES_PER_SECOND: u32 = 2;
const RETRIES_PER_CALL: f32 = 0.2;

/// Creates the budget of all retries of a store, so that they don't double the load of one that is down: within its period two a
/// second, and a fifth of the calls. A retry for which there is nothing left waits.
pub fn new_retry_budget() -> TpsBudget {
    TpsBudget::new(BUDGET_PERIOD, RETRIES_PER_SECOND, RETRIES_PER_CALL)
}

/// The pauses between the attempts of one call: they double, with jitter, up to a longest one; where the store says how
/// long it wants to be left alone, that is honoured, and so is the budget.
pub struct RetrySchedule<'a> {
    deadline: Instant,
    budget: &'a (dyn Budget + Sync),
    backoff: RetryBackoff,
}

impl<'a> RetrySchedule<'a> {
    /// The retries of a new call, of which none begins after `deadline`.
    pub fn new(deadline: Instant, budget: &'a (dyn Budget + Sync)) -> Self {
        budget.deposit();
        Self { deadline, budget, backoff: new_backoff() }
    }

    /// Waits for the time of the next attempt after one that failed with `error`. Returns false, at once, if that error
    /// is final or the pause would outlast the deadline: then there is no further attempt.
    pub async fn wait_before_retry(&mut self, error: &StoreError) -> bool {
        loop {
            let pause = self.backoff.next().unwrap_or(MAX_BACKOFF);
            let pause = error.retry_after().map_or(pause, |retry_after| retry_after.max(pause));
            // To wait for the deadline would gain nothing, and the caller can pass on the pause.
            if !error.is_retryable() || pause >= self.deadline.saturating_duration_since(Instant::now()) {
                return false;
            }
            sleep(pause).await;
            if self.budget.withdraw() {
                return true;
            }
        }
    }

    /// Begins with the shortest pause again: the store works.
    pub fn reset(&mut self) {
        self.backoff = new_backoff();
    }
}

type RetryBackoff = <ExponentialBuilder as BackoffBuilder>::Backoff;

fn new_backoff() -> RetryBackoff {
    let backoff = ExponentialBuilder::default().with_min_delay(MIN_BACKOFF).with_max_delay(MAX_BACKOFF);
    backoff.with_jitter().without_max_times().build()
}

/// Calls `attempt` until it succeeds, fails for good, or another one would come after `deadline`; at least once, with the
/// pauses of [`Retries`].
///
/// # Errors
/// The last one.
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

    /// A budget that never runs out.
    struct Unlimited;

    impl Budget for Unlimited {
        fn deposit(&self) {}

        fn withdraw(&self) -> bool {
            true
        }
    }

    fn down<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable("down".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn retries_until_it_succeeds_and_honours_the_store() {
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
    async fn gives_up_at_the_deadline() {
        let start = Instant::now();
        let mut attempts = 0;
        let deadline = start + Duration::from_secs(20);
        let attempt = || {
            attempts += 1;
            ready(down::<()>())
        };
        let outcome = retry(deadline, &new_retry_budget(), attempt).await;
        assert_eq!(outcome, down());
        assert!(start.elapsed() <= Duration::from_secs(20) && start.elapsed() >= Duration::from_secs(10));
        assert!(attempts > 5);
    }

    proptest! {
        /// Law: whatever pause the store asks for, retrying ends by the deadline, and at once if the pause is longer.
        #[test]
        fn no_pause_outlasts_the_deadline(
            pause in prop_oneof![any::<Duration>(), (0u64..200_000).prop_map(Duration::from_millis)],
            allowed in prop_oneof![any::<Duration>(), (0u64..200_000).prop_map(Duration::from_millis)],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let attempts = Cell::new(0_u32);
            let elapsed = runtime.unwrap().block_on(async {
                let start = Instant::now();
                let attempt = || {
                    attempts.set(attempts.get() + 1);
                    let busy = StoreError::Overloaded { message: String::new(), retry_after: Some(pause) };
                    ready(if attempts.get() < 4 { Err(busy) } else { Ok(()) })
                };
                let _ended = retry(compute_deadline(start, allowed), &Unlimited, attempt).await;
                start.elapsed()
            });
            prop_assert!(elapsed <= allowed.saturating_add(Duration::from_millis(1)));
            prop_assert!(pause < allowed || (attempts.get() == 1 && elapsed.is_zero()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_retry_what_will_be_refused_again() {
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

    /// Law: however many calls fail, the retries of a store that is down stay within the budget, and none is given up
    /// before its deadline for lack of it.
    #[tokio::test(start_paused = true)]
    async fn many_calls_share_one_budget() {
        const CALLS: usize = 200;
        const SECONDS: usize = 120;
        let (budget, attempts, start) = (new_retry_budget(), Cell::new(0), Instant::now());
        let deadline = start + Duration::from_secs(SECONDS as u64);
        let call = || {
            let attempt = || {
                attempts.set(attempts.get() + 1);
                ready(down::<()>())
            };
            retry(deadline, &budget, attempt)
        };
        let outcomes = futures_util::future::join_all((0..CALLS).map(|_| call())).await;
        assert!(outcomes.into_iter().all(|outcome| outcome == down()));
        assert!(start.elapsed() >= Duration::from_secs(SECONDS as u64 - 15));
        let retries = attempts.get() - CALLS;
        // What the calls themselves allow counts once, what each second allows, always.
        let allowed = 20 + CALLS / 5 + 2 * SECONDS;
        assert!((SECONDS..=allowed).contains(&retries), "{retries} retries, {allowed} allowed");
    }
}
