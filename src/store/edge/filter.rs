//! Conversion of filters into the engine's types. A Qdrant server decodes gRPC filters into the same types, so both stores
//! evaluate a filter identically.

use std::time::SystemTime;

use prost_types::Timestamp;
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AnyVariants, DateTimeWrapper, FieldCondition, HasIdCondition, JsonPath, Match, MatchAny, MatchExcept, ValueVariants,
};

use super::convert::to_engine_id;
use crate::store::StoreError;
use crate::types::{Condition, FieldRange, FieldTest, Filter, MatchValue, MatchValues};

/// Converts a filter to the engine's type.
///
/// # Errors
/// [`StoreError::Refused`] if a key is not a valid JSON path, or a time is outside the years 1 to 9999.
pub(super) fn to_engine_filter(filter: Filter) -> Result<qdrant_edge::Filter, StoreError> {
    Ok(qdrant_edge::Filter {
        must: to_engine_conditions(filter.must)?,
        should: to_engine_conditions(filter.should)?,
        must_not: to_engine_conditions(filter.must_not)?,
        min_should: None,
    })
}

fn to_engine_conditions(conditions: Vec<Condition>) -> Result<Option<Vec<qdrant_edge::Condition>>, StoreError> {
    if conditions.is_empty() {
        return Ok(None);
    }
    conditions.into_iter().map(to_engine_condition).collect::<Result<_, _>>().map(Some)
}

fn to_engine_condition(condition: Condition) -> Result<qdrant_edge::Condition, StoreError> {
    Ok(match condition {
        Condition::Field { key, test } => {
            qdrant_edge::Condition::Field(to_field_condition(parse_json_path(&key)?, test)?)
        }
        Condition::HasId(ids) => {
            let ids: HasIdCondition = ids.into_iter().map(to_engine_id).collect();
            qdrant_edge::Condition::HasId(ids)
        }
        Condition::IsEmpty { key } => qdrant_edge::Condition::IsEmpty(parse_json_path(&key)?.into()),
        Condition::Filter(filter) => qdrant_edge::Condition::Filter(to_engine_filter(filter)?),
    })
}

fn to_field_condition(key: JsonPath, test: FieldTest) -> Result<FieldCondition, StoreError> {
    Ok(match test {
        FieldTest::Equals(value) => FieldCondition::new_match(key, Match::new_value(to_value_variant(value))),
        FieldTest::Any(values) => FieldCondition::new_match(key, Match::Any(MatchAny { any: to_any_variants(values) })),
        FieldTest::Except(values) => {
            FieldCondition::new_match(key, Match::Except(MatchExcept { except: to_any_variants(values) }))
        }
        FieldTest::NumberRange(range) => {
            FieldCondition::new_range(key, to_engine_range(range, |bound| Ok(OrderedFloat(bound)))?)
        }
        FieldTest::TimeRange(range) => FieldCondition::new_datetime_range(key, to_engine_range(range, to_date_time)?),
    })
}

fn to_value_variant(value: MatchValue) -> ValueVariants {
    match value {
        MatchValue::Keyword(keyword) => ValueVariants::String(keyword),
        MatchValue::Integer(integer) => ValueVariants::Integer(integer),
        MatchValue::Boolean(boolean) => ValueVariants::Bool(boolean),
    }
}

fn to_any_variants(values: MatchValues) -> AnyVariants {
    match values {
        MatchValues::Keywords(keywords) => AnyVariants::Strings(keywords.into_iter().collect()),
        MatchValues::Integers(integers) => AnyVariants::Integers(integers.into_iter().collect()),
    }
}

fn to_engine_range<T, U>(
    range: FieldRange<T>,
    convert_bound: impl Fn(T) -> Result<U, StoreError>,
) -> Result<qdrant_edge::Range<U>, StoreError> {
    let FieldRange { lt, lte, gt, gte } = range;
    Ok(qdrant_edge::Range {
        lt: lt.map(&convert_bound).transpose()?,
        lte: lte.map(&convert_bound).transpose()?,
        gt: gt.map(&convert_bound).transpose()?,
        gte: gte.map(&convert_bound).transpose()?,
    })
}

/// Converts a time to the engine's type, via RFC 3339 to keep nanoseconds.
fn to_date_time(time: SystemTime) -> Result<DateTimeWrapper, StoreError> {
    let text = Timestamp::from(time).to_string();
    text.parse().map_err(|_| {
        StoreError::Refused(format!("filter: the time {text} is out of range; use a time in the years 1 to 9999"))
    })
}

fn parse_json_path(key: &str) -> Result<JsonPath, StoreError> {
    key.parse().map_err(|()| {
        StoreError::Refused(format!(
            "filter: invalid key `{key}`; use `a.b` for a field of an object, `a[].b` for a field of each list element, and \
             quote names that contain other characters (`\"a name\".b`)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_keep_their_nanoseconds_on_both_sides_of_1970() {
        for (time, text) in [
            (UNIX_EPOCH + Duration::new(1_700_000_000, 1), "2023-11-14T22:13:20.000000001Z"),
            (UNIX_EPOCH - Duration::new(1, 500_000_000), "1969-12-31T23:59:58.5Z"),
        ] {
            assert_eq!(to_date_time(time), Ok(text.parse().expect("RFC 3339")));
        }
    }

    #[test]
    fn an_invalid_key_is_refused_by_name() {
        for key in ["", "a..b", "a[", "a b"] {
            let filter = Filter { must: vec![Condition::IsEmpty { key: key.into() }], ..Filter::default() };
            let error = to_engine_filter(filter).expect_err(key);
            assert!(matches!(&error, StoreError::Refused(message) if message.contains(&format!("`{key}`"))), "{error}");
        }
    }

    #[test]
    fn empty_lists_of_conditions_match_everything() {
        assert_eq!(to_engine_filter(Filter::default()), Ok(qdrant_edge::Filter::default()));
    }
}
