//! Counts, which the API declares as `int64`.

/// Converts a count, saturating at the maximum.
pub fn to_count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
