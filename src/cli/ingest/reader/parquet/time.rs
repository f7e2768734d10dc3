//! Times as Parquet counts them → text in the form of RFC 3339, which Qdrant's filters read.

use std::fmt::Write;

const NANOS_A_SECOND: i64 = 1_000_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => NANOS_A_SECOND,
        }
    }
}

/// `2024-02-29`, from the days since 1970.
pub fn date(days: i64) -> String {
    // Howard Hinnant's algorithm: years begin in March, and 400 of them are an era.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:30:00.25`, since midnight, with as many digits as are needed.
pub fn time(count: i64, unit: Unit) -> String {
    let (seconds, rest) = (count.div_euclid(unit.per_second()), count.rem_euclid(unit.per_second()));
    let nanos = rest * (NANOS_A_SECOND / unit.per_second());
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if nanos > 0 {
        // Writing to a string can't fail.
        let _ = write!(text, ".{nanos:09}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// `2024-02-29T12:30:00Z`, since 1970; without the `Z` if it is of no time zone.
pub fn timestamp(count: i64, unit: Unit, is_utc: bool) -> String {
    let a_day = unit.per_second() * SECONDS_A_DAY;
    let zone = if is_utc { "Z" } else { "" };
    format!("{}T{}{zone}", date(count.div_euclid(a_day)), time(count.rem_euclid(a_day), unit))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_in_words() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(time(45_000_250, Unit::Millis), "12:30:00.25");
        assert_eq!(timestamp(-1, Unit::Nanos, false), "1969-12-31T23:59:59.999999999");
        assert_eq!(timestamp(1_709_209_800_000_000, Unit::Micros, true), "2024-02-29T12:30:00Z");
        // Nothing overflows.
        for unit in [Unit::Millis, Unit::Micros, Unit::Nanos] {
            assert!(timestamp(i64::MIN, unit, true).ends_with('Z') && timestamp(i64::MAX, unit, true).ends_with('Z'));
        }
    }

    proptest! {
        /// Law: whole seconds are what another program makes of them.
        #[test]
        fn as_others_say_it(seconds in 0_u64..250_000_000_000) {
            let other = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            prop_assert_eq!(timestamp(seconds as i64 * 1_000, Unit::Millis, true), other.to_string());
        }
    }
}
