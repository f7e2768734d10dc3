//! Retries of streams and calls, with the policy of clients/README.md.
//!
//! A failure is retried if its status has RetryInfo, if the server is unavailable, if the connection broke, or if an operation
//! FAILED. The delay doubles from 0.2 s to 10 s. Random jitter shortens it by up to half, so that many clients don't reconnect
//! at the same time, but never below the delay in RetryInfo. Retries end after a time without progress.

use std::collections::HashMap;
use std::io::{Write, stderr};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::errors::summarize_status;
use crate::proto::{ERROR_DOMAIN, ItemError};
use crate::types::ErrorReason;

/// Default of `--give-up-after`.
pub const DEFAULT_GIVE_UP_AFTER: &str = "5m";

/// Delay before the first retry, before jitter.
const INITIAL_DELAY: Duration = Duration::from_millis(200);
/// Maximum delay, before jitter.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// Exponential backoff with jitter, reset by progress.
#[derive(Debug)]
pub struct Backoff {
    give_up_after: Duration,
    /// Number of failures since the last progress.
    failures: u32,
    /// Time of the first of these failures.
    first_failure_at: Option<Instant>,
}

impl Backoff {
    /// Creates a backoff that gives up after this time without progress; zero disables retries.
    pub fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, failures: 0, first_failure_at: None }
    }

    /// Resets the delay and the time without progress.
    pub fn reset(&mut self) {
        (self.failures, self.first_failure_at) = (0, None);
    }

    /// Returns the delay before the next attempt; `None` if the error is permanent or the attempt would exceed the time limit.
    pub fn next_delay(&mut self, status: &Status) -> Option<Duration> {
        if !is_retryable(status) {
            return None;
        }
        // The server closed an idle stream because this client had nothing to send. That is not a failure.
        let is_idle = is_stream_idle_error(status) && !self.give_up_after.is_zero();
        if is_idle {
            self.reset();
        }
        let max_delay = INITIAL_DELAY.saturating_mul(1 << self.failures.min(16)).min(MAX_DELAY);
        let jittered = max_delay.mul_f64(1.0 - 0.5 * fastrand::f64());
        let delay = jittered.max(get_requested_delay(status).unwrap_or_default());
        let failing_since = *self.first_failure_at.get_or_insert_with(Instant::now);
        self.failures = self.failures.saturating_add(1);
        let exceeds_time_limit = failing_since.elapsed().saturating_add(delay) > self.give_up_after;
        (is_idle || !exceeds_time_limit).then_some(delay)
    }

    /// Returns the final error for a status. If retries were exhausted, it names the time limit and its flag.
    pub fn final_error(&self, status: Status) -> anyhow::Error {
        if !is_retryable(&status) || self.give_up_after.is_zero() {
            return status.into();
        }
        let limit = humantime::format_duration(self.give_up_after);
        anyhow::Error::from(status).context(format!("gave up: no progress within {limit} (--give-up-after)"))
    }
}

/// Repeats a call until it succeeds, fails permanently or exceeds the time limit. Prints each retry to standard error.
///
/// # Errors
/// The status of the last attempt.
pub async fn retry<T, F: Future<Output = Result<T, Status>>>(
    give_up_after: Duration,
    failure: &str,
    mut call: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let mut backoff = Backoff::new(give_up_after);
    loop {
        let status = match call().await {
            Ok(value) => return Ok(value),
            Err(status) => status,
        };
        let Some(delay) = backoff.next_delay(&status) else { return Err(backoff.final_error(status)) };
        // Nothing can be done if standard error is gone.
        let _ = writeln!(stderr(), "{}", format_retry_notice(failure, &status, delay));
        sleep(delay).await;
    }
}

/// Formats a failure and the delay before the next attempt as one line.
pub fn format_retry_notice(failure: &str, status: &Status, delay: Duration) -> String {
    format!("warning: {failure}: {}; retrying in {:.1} s", summarize_status(status), delay.as_secs_f64())
}

/// Returns a status for a stream whose operations FAILED, from the error of one of them. It is retryable after the delay.
pub fn status_from_item_error(error: &ItemError, delay: Duration) -> Status {
    let ItemError { code, reason, field, message, retry_delay: _ } = error;
    let code = match Code::from_i32(*code) {
        Code::Ok => Code::Unknown,
        code => code,
    };
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    details.set_retry_info(Some(delay));
    let message = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
    Status::with_error_details(code, message, details)
}

/// Returns whether the call that failed with this status can be retried.
pub fn is_retryable(status: &Status) -> bool {
    // Only a status that tonic creates from a transport error has a source.
    let is_transport = std::error::Error::source(status).is_some();
    status.code() == Code::Unavailable || is_transport || get_requested_delay(status).is_some()
}

fn get_requested_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default())
}

fn is_stream_idle_error(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == ErrorReason::StreamIdle.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_details(code: Code, details: ErrorDetails) -> Status {
        Status::with_error_details(code, "no", details)
    }

    fn retry_info(code: Code, delay: Duration) -> Status {
        with_details(code, ErrorDetails::with_retry_info(Some(delay)))
    }

    fn idle() -> Status {
        let mut details = ErrorDetails::with_error_info("STREAM_IDLE", "d", HashMap::new());
        details.set_retry_info(Some(Duration::ZERO));
        with_details(Code::Unavailable, details)
    }

    #[test]
    fn only_transient_failures_are_retried() {
        let broken = Status::from_error(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
        for status in [
            Status::unavailable("the server is going down"),
            retry_info(Code::ResourceExhausted, Duration::from_secs(1)),
            broken,
            idle(),
        ] {
            assert!(is_retryable(&status), "{status:?}");
        }
        let reason =
            |code, reason: &str| with_details(code, ErrorDetails::with_error_info(reason, "d", HashMap::new()));
        for status in [
            Status::resource_exhausted("the message is too large"),
            Status::internal("a defect"),
            reason(Code::InvalidArgument, "INVALID_ARGUMENT"),
            reason(Code::FailedPrecondition, "FINGERPRINT_MISMATCH"),
            reason(Code::Unauthenticated, "UNAUTHENTICATED"),
        ] {
            assert!(!is_retryable(&status), "{status:?}");
            assert_eq!(Backoff::new(Duration::MAX).next_delay(&status), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delays_double_with_jitter_up_to_ten_seconds() {
        let mut backoff = Backoff::new(Duration::from_secs(3600));
        let unavailable = Status::unavailable("gone");
        for longest in [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0] {
            let delay = backoff.next_delay(&unavailable).unwrap().as_secs_f64();
            assert!((longest / 2.0..=longest).contains(&delay), "{delay} of {longest}");
        }
        let requested_delay = Duration::from_secs(30);
        assert_eq!(backoff.next_delay(&retry_info(Code::Unavailable, requested_delay)), Some(requested_delay));
        backoff.reset();
        assert!(backoff.next_delay(&unavailable).unwrap() <= INITIAL_DELAY);
        for _ in 0..9 {
            backoff.next_delay(&unavailable).unwrap();
        }
        assert!(backoff.next_delay(&idle()).unwrap() <= INITIAL_DELAY, "an idle stream is not a failure");
    }

    #[tokio::test(start_paused = true)]
    async fn retrying_ends_after_a_time_without_progress() {
        let limit = Duration::from_secs(60);
        let mut backoff = Backoff::new(limit);
        let unavailable = Status::unavailable("gone");
        let start = Instant::now();
        while let Some(delay) = backoff.next_delay(&unavailable) {
            sleep(delay).await;
        }
        assert!((50.0..=60.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
        let error = format!("{:#}", backoff.final_error(unavailable.clone()));
        assert!(error.starts_with("gave up: no progress within 1m (--give-up-after)"), "{error}");
        backoff.reset();
        assert!(backoff.next_delay(&unavailable).is_some());
        assert_eq!(backoff.next_delay(&retry_info(Code::Unavailable, limit * 2)), None, "longer than the limit");
        assert_eq!(backoff.next_delay(&retry_info(Code::Unavailable, Duration::MAX)), None);

        let mut never = Backoff::new(Duration::ZERO);
        assert_eq!(never.next_delay(&unavailable), None);
        assert!(!format!("{:#}", never.final_error(unavailable)).contains("gave up"));
    }

    /// FAILED operations are retried for any reason, after the requested delay, and the final error contains the reason.
    #[tokio::test(start_paused = true)]
    async fn operations_that_failed_are_retried() {
        let error = ItemError {
            code: Code::Internal.into(),
            reason: "INTERNAL".to_owned(),
            message: "a defect".to_owned(),
            ..ItemError::default()
        };
        let (minute, mut backoff) = (Duration::from_secs(60), Backoff::new(Duration::from_secs(90)));
        assert_eq!(backoff.next_delay(&status_from_item_error(&error, minute)), Some(minute));
        assert!(backoff.next_delay(&status_from_item_error(&error, Duration::ZERO)).unwrap() > Duration::ZERO);
        sleep(minute).await;
        let status = status_from_item_error(&ItemError { field: "text".to_owned(), ..error }, minute);
        assert_eq!(backoff.next_delay(&status), None);
        let message = crate::cli::errors::format_error(&backoff.final_error(status));
        for part in ["gave up: no progress within 1m 30s", "text: a defect (INTERNAL)", "reason: INTERNAL"] {
            assert!(message.contains(part), "{message}");
        }
        let without_code = status_from_item_error(&ItemError::default(), Duration::ZERO);
        assert!(without_code.code() == Code::Unknown && is_retryable(&without_code));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_retried_until_it_succeeds() {
        let mut failures = vec![Status::unavailable("1"), Status::unavailable("2")];
        let found =
            retry(Duration::from_secs(60), "call failed", || std::future::ready(failures.pop().map_or(Ok(7), Err)));
        assert_eq!(found.await.unwrap(), 7);
        let denied = retry(Duration::from_secs(60), "call failed", async || Err::<(), _>(Status::not_found("none")));
        assert_eq!(denied.await.unwrap_err().downcast::<Status>().unwrap().code(), Code::NotFound);
    }
}
