//! Durations, as people type them.

use std::time::Duration;

const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Longer ones are mistakes, and would not fit a clock.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads `500ms`, `30s`, `1.5m`, `2h`, or a number of seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let seconds_a_unit = match unit {
        "" => Some(1.0),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds),
    };
    let number = digits.parse::<f64>().ok();
    seconds_a_unit
        .zip(number)
        .and_then(|(seconds, number)| Duration::try_from_secs_f64(seconds * number).ok())
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| "give a number and a unit, such as 500ms, 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (text, milliseconds) in [("500ms", 500), ("30s", 30_000), ("1.5m", 90_000), ("2h", 7_200_000), ("7", 7_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "NaNs", "inf", "1 s", "1e400s", "99999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
