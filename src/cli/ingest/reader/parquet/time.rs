//! Formats Parquet dates and times as RFC 3339 text, which Qdrant's datetime filters accept.
//!
//! All functions return `None` for values that RFC 3339 can't express: years before 0000 or after 9999, and times outside of
//! a day.

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// 1970-01-01T00:00:00.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Julian day number of 1970-01-01; INT96 timestamps count Julian days.
const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;

/// Time unit of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    fn ticks_per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => NANOS_PER_SECOND,
        }
    }

    fn to_duration(self, count: i64) -> SignedDuration {
        let (seconds, subsecond) =
            (count.div_euclid(self.ticks_per_second()), count.rem_euclid(self.ticks_per_second()));
        SignedDuration::from_secs(seconds)
            + SignedDuration::from_nanos(subsecond * (NANOS_PER_SECOND / self.ticks_per_second()))
    }
}

/// Formats days since 1970 as `2024-02-29`.
pub fn format_date(days: i64) -> Option<String> {
    Some(add_to_epoch(SignedDuration::from_secs(days.checked_mul(SECONDS_PER_DAY)?))?.date().to_string())
}

/// Formats a count since midnight as `12:30:00.25`, without trailing zeros.
pub fn format_time(count: i64, unit: Unit) -> Option<String> {
    let is_within_a_day = (0..SECONDS_PER_DAY * unit.ticks_per_second()).contains(&count);
    is_within_a_day.then(|| Time::midnight().wrapping_add(unit.to_duration(count)).to_string())
}

/// Formats a count since 1970 as `2024-02-29T12:30:00Z`; without the `Z` if `is_utc` is false.
pub fn format_timestamp(count: i64, unit: Unit, is_utc: bool) -> Option<String> {
    let zone = if is_utc { "Z" } else { "" };
    Some(format!("{}{zone}", add_to_epoch(unit.to_duration(count))?))
}

/// Formats a legacy INT96 timestamp in UTC: two words with the nanoseconds of the day, then the Julian day.
pub fn format_int96([low, high, day]: [u32; 3]) -> Option<String> {
    let nanos = (i64::from(high) << 32) | i64::from(low);
    // Writers store days before Julian day 0 as negative numbers.
    let days = i64::from(day.cast_signed()) - JULIAN_DAY_OF_EPOCH;
    let duration = SignedDuration::from_secs(days * SECONDS_PER_DAY).checked_add(SignedDuration::from_nanos(nanos))?;
    Some(format!("{}Z", add_to_epoch(duration)?))
}

fn add_to_epoch(duration: SignedDuration) -> Option<DateTime> {
    EPOCH.checked_add(duration).ok().filter(|moment| moment.year() >= 0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_and_times_are_formatted() {
        let text = |text: Option<String>| text.unwrap_or_default();
        assert_eq!(text(format_date(0)), "1970-01-01");
        assert_eq!(text(format_date(-1)), "1969-12-31");
        assert_eq!(text(format_date(19_782)), "2024-02-29");
        assert_eq!(text(format_time(45_000_250, Unit::Millis)), "12:30:00.25");
        assert_eq!(text(format_time(86_399_999_999_999, Unit::Nanos)), "23:59:59.999999999");
        assert_eq!(text(format_timestamp(-1, Unit::Nanos, false)), "1969-12-31T23:59:59.999999999");
        assert_eq!(text(format_timestamp(1_709_209_800_000_000, Unit::Micros, true)), "2024-02-29T12:30:00Z");
        assert_eq!(text(format_int96([1, 0, 2_440_588])), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(text(format_int96([u32::MAX, u32::MAX, 2_440_588])), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn unrepresentable_times_are_none() {
        let (first, last) = (-719_528, 2_932_896);
        assert_eq!(format_date(first).as_deref(), Some("0000-01-01"));
        assert_eq!(format_date(last).as_deref(), Some("9999-12-31"));
        assert_eq!(
            format_timestamp((last + 1) * SECONDS_PER_DAY * 1_000 - 1, Unit::Millis, true).as_deref(),
            Some("9999-12-31T23:59:59.999Z")
        );
        let days = [first - 1, last + 1, i64::MIN, i64::MAX];
        assert!(days.into_iter().all(|day| format_date(day).is_none()));
        for unit in [Unit::Millis, Unit::Micros] {
            assert!([i64::MIN, i64::MAX].into_iter().all(|count| format_timestamp(count, unit, true).is_none()));
        }
        let counts = [-1, SECONDS_PER_DAY * 1_000, i64::MIN, i64::MAX];
        assert!(counts.into_iter().all(|count| format_time(count, Unit::Millis).is_none()));
        assert!(format_int96([u32::MAX; 3]).is_none_or(|text| text.starts_with('0') || text.starts_with('1')));
        assert_eq!(format_int96([0, 0, i32::MAX.cast_unsigned()]), None);
    }

    /// Independent calendar for comparison: Howard Hinnant's `civil_from_days`, in which years start in March.
    fn civil(days: i64) -> (i64, i64, i64) {
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    proptest! {
        /// Property: whole seconds are formatted as by the humantime crate.
        #[test]
        fn seconds_match_humantime(seconds in 0_u64..250_000_000_000) {
            let other = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            prop_assert_eq!(format_timestamp(seconds as i64 * 1_000, Unit::Millis, true), Some(other.to_string()));
        }

        /// Property: times of the years 0000 to 9999 are formatted exactly, to the nanosecond.
        #[test]
        fn all_digits_are_exact(days in -719_528_i64..=2_932_896, nanos in 0..86_400 * NANOS_PER_SECOND) {
            let (year, month, day) = civil(days);
            let (seconds, fraction) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
            let digits = format!(".{fraction:09}");
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            let date_text = format!("{year:04}-{month:02}-{day:02}");
            let time_text = format!("{:02}:{:02}:{:02}{digits}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let julian = u32::try_from(days + JULIAN_DAY_OF_EPOCH).unwrap();
            let words = [nanos as u32, (nanos >> 32) as u32, julian];
            prop_assert_eq!(format_int96(words), Some(format!("{date_text}T{time_text}Z")));
            let micros = days * SECONDS_PER_DAY * 1_000_000 + nanos / 1_000;
            if nanos % 1_000 == 0 {
                prop_assert_eq!(format_timestamp(micros, Unit::Micros, false), Some(format!("{date_text}T{time_text}")));
            }
            prop_assert_eq!(format_date(days), Some(date_text));
            prop_assert_eq!(format_time(nanos, Unit::Nanos), Some(time_text));
        }
    }
}
