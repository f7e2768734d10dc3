//! Conversion of filters into Qdrant's messages.

use std::time::SystemTime;

use prost_types::Timestamp;
use qdrant_client::qdrant;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue as Match;
use qdrant_client::qdrant::{RepeatedIntegers, RepeatedStrings};

use super::convert;
use crate::types::{Condition, FieldRange, FieldTest, Filter, MatchValue, MatchValues};

/// Converts a filter to Qdrant's message.
pub(super) fn to_qdrant_filter(filter: Filter) -> qdrant::Filter {
    qdrant::Filter {
        must: to_qdrant_conditions(filter.must),
        should: to_qdrant_conditions(filter.should),
        must_not: to_qdrant_conditions(filter.must_not),
        min_should: None,
    }
}

fn to_qdrant_conditions(conditions: Vec<Condition>) -> Vec<qdrant::Condition> {
    let to_condition = |one| qdrant::Condition { condition_one_of: Some(to_qdrant_condition(one)) };
    conditions.into_iter().map(to_condition).collect()
}

fn to_qdrant_condition(condition: Condition) -> ConditionOneOf {
    match condition {
        Condition::Field { key, test } => ConditionOneOf::Field(to_field_condition(key, test)),
        Condition::HasId(ids) => {
            ConditionOneOf::HasId(qdrant::HasIdCondition { has_id: ids.iter().map(convert::to_proto_id).collect() })
        }
        Condition::IsEmpty { key } => ConditionOneOf::IsEmpty(qdrant::IsEmptyCondition { key }),
        Condition::Filter(inner) => ConditionOneOf::Filter(to_qdrant_filter(inner)),
    }
}

fn to_field_condition(key: String, test: FieldTest) -> qdrant::FieldCondition {
    let field = qdrant::FieldCondition { key, ..Default::default() };
    let to_match = |value| Some(qdrant::Match { match_value: Some(value) });
    match test {
        FieldTest::Equals(value) => qdrant::FieldCondition { r#match: to_match(to_match_value(value)), ..field },
        FieldTest::Any(values) => qdrant::FieldCondition { r#match: to_match(to_match_any(values)), ..field },
        FieldTest::Except(values) => qdrant::FieldCondition { r#match: to_match(to_match_except(values)), ..field },
        FieldTest::NumberRange(range) => qdrant::FieldCondition { range: Some(to_number_range(range)), ..field },
        FieldTest::TimeRange(range) => {
            qdrant::FieldCondition { datetime_range: Some(to_datetime_range(range)), ..field }
        }
    }
}

fn to_match_value(value: MatchValue) -> Match {
    match value {
        MatchValue::Keyword(keyword) => Match::Keyword(keyword),
        MatchValue::Integer(integer) => Match::Integer(integer),
        MatchValue::Boolean(boolean) => Match::Boolean(boolean),
    }
}

fn to_match_any(values: MatchValues) -> Match {
    match values {
        MatchValues::Keywords(strings) => Match::Keywords(RepeatedStrings { strings }),
        MatchValues::Integers(integers) => Match::Integers(RepeatedIntegers { integers }),
    }
}

fn to_match_except(values: MatchValues) -> Match {
    match values {
        MatchValues::Keywords(strings) => Match::ExceptKeywords(RepeatedStrings { strings }),
        MatchValues::Integers(integers) => Match::ExceptIntegers(RepeatedIntegers { integers }),
    }
}

fn to_number_range(range: FieldRange<f64>) -> qdrant::Range {
    qdrant::Range { lt: range.lt, lte: range.lte, gt: range.gt, gte: range.gte }
}

fn to_datetime_range(range: FieldRange<SystemTime>) -> qdrant::DatetimeRange {
    let to_timestamp = |bound: Option<SystemTime>| bound.map(Timestamp::from);
    qdrant::DatetimeRange {
        lt: to_timestamp(range.lt),
        lte: to_timestamp(range.lte),
        gt: to_timestamp(range.gt),
        gte: to_timestamp(range.gte),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use qdrant_client::qdrant::{DatetimeRange, FieldCondition, HasIdCondition, IsEmptyCondition};

    use super::*;
    use crate::types::PointId;

    fn strings(strings: &[&str]) -> Vec<String> {
        strings.iter().map(|&string| string.to_owned()).collect()
    }

    fn matches(value: Match) -> FieldCondition {
        let r#match = Some(qdrant::Match { match_value: Some(value) });
        FieldCondition { key: "k".into(), r#match, ..Default::default() }
    }

    #[test]
    fn each_test_of_a_field_has_its_counterpart() {
        let range = FieldRange { lt: Some(4.0), lte: Some(3.0), gt: Some(1.0), gte: Some(2.0) };
        let numbers = qdrant::Range { lt: Some(4.0), lte: Some(3.0), gt: Some(1.0), gte: Some(2.0) };
        let keywords = RepeatedStrings { strings: strings(&["a", "b"]) };
        let integers = RepeatedIntegers { integers: vec![1, 2] };
        for (test, expected) in [
            (FieldTest::Equals(MatchValue::Keyword("a".into())), matches(Match::Keyword("a".into()))),
            (FieldTest::Equals(MatchValue::Integer(-7)), matches(Match::Integer(-7))),
            (FieldTest::Equals(MatchValue::Boolean(true)), matches(Match::Boolean(true))),
            (FieldTest::Any(MatchValues::Keywords(strings(&["a", "b"]))), matches(Match::Keywords(keywords.clone()))),
            (FieldTest::Any(MatchValues::Integers(vec![1, 2])), matches(Match::Integers(integers.clone()))),
            (FieldTest::Except(MatchValues::Keywords(strings(&["a", "b"]))), matches(Match::ExceptKeywords(keywords))),
            (FieldTest::Except(MatchValues::Integers(vec![1, 2])), matches(Match::ExceptIntegers(integers))),
            (
                FieldTest::NumberRange(range),
                FieldCondition { key: "k".into(), range: Some(numbers), ..Default::default() },
            ),
        ] {
            assert_eq!(to_field_condition("k".into(), test), expected);
        }
    }

    #[test]
    fn times_keep_their_nanoseconds_on_both_sides_of_the_epoch() {
        let after = SystemTime::UNIX_EPOCH + Duration::new(5, 7);
        let before = SystemTime::UNIX_EPOCH - Duration::new(5, 7);
        let range = to_datetime_range(FieldRange { lt: Some(after), lte: None, gt: None, gte: Some(before) });
        let expected = DatetimeRange {
            lt: Some(Timestamp { seconds: 5, nanos: 7 }),
            gte: Some(Timestamp { seconds: -6, nanos: 999_999_993 }),
            ..Default::default()
        };
        assert_eq!(range, expected);
    }

    #[test]
    fn clauses_and_nesting_are_preserved() {
        let inner = Filter { should: vec![Condition::HasId(vec![PointId::Num(7)])], ..Filter::default() };
        let outer = Filter {
            must: vec![Condition::Filter(inner)],
            must_not: vec![Condition::IsEmpty { key: "k".into() }],
            ..Filter::default()
        };
        let one = |condition| vec![qdrant::Condition { condition_one_of: Some(condition) }];
        let has_id = ConditionOneOf::HasId(HasIdCondition { has_id: vec![7.into()] });
        let inner = qdrant::Filter { should: one(has_id), ..Default::default() };
        let expected = qdrant::Filter {
            must: one(ConditionOneOf::Filter(inner)),
            must_not: one(ConditionOneOf::IsEmpty(IsEmptyCondition { key: "k".into() })),
            ..Default::default()
        };
        assert_eq!(to_qdrant_filter(outer), expected);
    }
}
