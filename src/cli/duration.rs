//! Durations, as people type them.

use std::time::Duration;

/// Longer ones are mistakes, and would not fit a clock.
const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads `500ms`, `30s`, `2m` or `1h 30m`.
pub fn parse(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err("give a number and a unit, such as 500ms, 30s or 2m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_or_too_long_is_refused() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "s", "30", "-1s", "NaNs", "400days", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
