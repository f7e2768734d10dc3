//! Counts, which the contract has as signed numbers.

/// Converts a count.
pub fn to_count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
