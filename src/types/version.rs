//! Document versions, stored as payload fields that stores can compare.

use super::payload::{Payload, VERSION_FIELD, VERSION_HIGH_FIELD, VERSION_LOW_FIELD};
use super::{Condition, FieldRange, FieldTest, Filter, MatchValue};

/// Returns the version in a stored point's payload.
pub fn read_stored_version(payload: &Payload) -> Option<i64> {
    payload.get(VERSION_FIELD)?.as_i64()
}

/// Builds the filter for points without a version or with an older one. Compares the halves, because stores compare
/// numbers as doubles, which can't represent all versions.
pub fn build_older_version_filter(version: i64) -> Filter {
    let (high, low) = split_version(version);
    let field_condition = |key: &str, test| Condition::Field { key: key.to_owned(), test };
    let less_than =
        |bound: i64| FieldTest::NumberRange(FieldRange { lt: Some(bound as f64), lte: None, gt: None, gte: None });
    let equal_high = field_condition(VERSION_HIGH_FIELD, FieldTest::Equals(MatchValue::Integer(high)));
    let equal_high_lower_low =
        Filter { must: vec![equal_high, field_condition(VERSION_LOW_FIELD, less_than(low))], ..Filter::default() };
    Filter {
        should: vec![
            Condition::IsEmpty { key: VERSION_FIELD.to_owned() },
            field_condition(VERSION_HIGH_FIELD, less_than(high)),
            Condition::Filter(equal_high_lower_low),
        ],
        ..Filter::default()
    }
}

/// Returns the reserved payload fields of a point with the given version.
pub fn build_version_fields(version: i64) -> [(&'static str, i64); 3] {
    let (high, low) = split_version(version);
    [(VERSION_FIELD, version), (VERSION_HIGH_FIELD, high), (VERSION_LOW_FIELD, low)]
}

/// Splits a version into its upper 32 bits, signed, and its lower 32 bits, unsigned. Pairs have the same order as
/// versions.
fn split_version(version: i64) -> (i64, i64) {
    (version >> 32, version & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Invariant: halves have the same order as versions, and are exact as doubles.
        #[test]
        fn halves_have_the_order_of_versions(a: i64, b: i64) {
            prop_assert_eq!(split_version(a).cmp(&split_version(b)), a.cmp(&b));
            let (high, low) = split_version(a);
            prop_assert_eq!((high as f64 as i64, low as f64 as i64), (high, low));
            prop_assert_eq!(high << 32 | low, a);
        }
    }
}
