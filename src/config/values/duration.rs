//! Durations.

use std::time::Duration;

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of a positive duration of up to a day, with a unit.
#[derive(Debug, Clone)]
pub struct BoundedDuration;

impl BoundedDuration {
    const MAX: Duration = Duration::from_secs(24 * 3_600);
}

impl FlagType for BoundedDuration {
    type Value = Duration;

    fn parse(text: &str) -> Result<Duration, FlagError> {
        match humantime::parse_duration(text.trim()) {
            Ok(duration) if !duration.is_zero() && duration <= Self::MAX => Ok(duration),
            _ => Err(expected_error("a duration of up to a day, such as 100ms or 30s")),
        }
    }

    fn placeholder() -> Duration {
        Self::MAX
    }
}
