//! Trying again what can succeed later.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use super::StoreError;

/// The first pause, before jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, before jitter, unless the store asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Calls `attempt` until it succeeds, fails for good, or another one would come after `deadline`; at least once. Pauses
/// double, with jitter; where the store says how long it wants to be left alone, that is honoured. `on_retry` hears of
/// each failure that is tried again.
///
/// # Errors
/// The last one.
pub async fn retry<T, F: Future<Output = Result<T, StoreError>>>(
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
    mut on_retry: impl FnMut(&StoreError),
) -> Result<T, StoreError> {
    let backoff = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
    let mut pauses = backoff.with_jitter().without_max_times().build();
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        let pause = error.retry_after().map_or(pause, |asked| asked.max(pause));
        if !error.is_retryable() || Instant::now() + pause >= deadline {
            return Err(error);
        }
        on_retry(&error);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_until_it_succeeds_and_honours_the_store() {
        let start = Instant::now();
        let mut attempts = 0;
        let outcome = retry(
            start + Duration::from_secs(60),
            || {
                attempts += 1;
                let retry_after = Some(Duration::from_secs(7));
                let refusal = StoreError::Overloaded { message: String::new(), retry_after };
                ready(if attempts < 3 { Err(refusal) } else { Ok(attempts) })
            },
            |_| {},
        );
        assert_eq!(outcome.await, Ok(3));
        assert!(start.elapsed() >= Duration::from_secs(14));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_at_the_deadline() {
        let start = Instant::now();
        let mut retries = 0;
        let outcome = retry(
            start + Duration::from_secs(20),
            || ready(Err::<(), _>(StoreError::Unavailable("down".into()))),
            |_| retries += 1,
        );
        assert_eq!(outcome.await, Err(StoreError::Unavailable("down".into())));
        assert!(start.elapsed() <= Duration::from_secs(20) && start.elapsed() >= Duration::from_secs(10));
        assert!(retries > 4);
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_retry_what_will_be_refused_again() {
        let mut attempts = 0;
        let outcome = retry(
            Instant::now() + Duration::from_secs(60),
            || {
                attempts += 1;
                ready(Err::<(), _>(StoreError::Refused("no".into())))
            },
            |_| {},
        );
        assert_eq!(outcome.await, Err(StoreError::Refused("no".into())));
        assert_eq!(attempts, 1);
    }
}
