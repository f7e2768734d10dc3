//! Durations of client flags.

use std::time::Duration;

/// Maximum duration. Adding a longer one to the current time could overflow `Instant`.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

/// Parses `500ms`, `30s`, `2m` or `1h 30m`; zero is allowed.
pub fn parse(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err("expected a number and a unit, such as 500ms, 30s or 2m, and at most 366 days".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_and_too_long_durations_are_refused() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "s", "30", "-1s", "NaNs", "400days", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
