//! Filters, checked.

use std::ops::RangeInclusive;
use std::time::SystemTime;

use prost_types::Timestamp;

use super::document::document_id;
use crate::proto;
use crate::types::{Condition, Fault, FieldTest, Filter, MatchValue, MatchValues, Range, Reason};

const MAX_DEPTH: usize = 16;
const MAX_CONDITIONS: usize = 1_000;
/// The most values of one condition.
pub const MAX_VALUES: usize = 1_000;
/// The longest path of a payload field.
pub const MAX_KEY_BYTES: usize = 512;
/// The years 1 to 9999, which google.protobuf.Timestamp and the stores have, in seconds since 1970.
const TIMESTAMPS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A client's filter.
///
/// # Errors
/// A condition that is empty or out of its bounds, by its path.
pub fn filter(filter: proto::Filter) -> Result<Filter, Fault> {
    let mut converter = Converter { conditions: 0 };
    converter.filter(filter, 1)
}

struct Converter {
    /// How many there are so far.
    conditions: usize,
}

impl Converter {
    fn filter(&mut self, filter: proto::Filter, depth: usize) -> Result<Filter, Fault> {
        if depth > MAX_DEPTH {
            return Err(invalid("", format!("filters are nested more than {MAX_DEPTH} deep; make them flatter")));
        }
        let proto::Filter { must, should, must_not } = filter;
        Ok(Filter {
            must: self.conditions(must, "must", depth)?,
            should: self.conditions(should, "should", depth)?,
            must_not: self.conditions(must_not, "must_not", depth)?,
        })
    }

    fn conditions(
        &mut self,
        conditions: Vec<proto::Condition>,
        clause: &str,
        depth: usize,
    ) -> Result<Vec<Condition>, Fault> {
        let conditions = conditions.into_iter().enumerate().map(|(index, condition)| {
            self.condition(condition, depth).map_err(|fault| fault.within(&format!("{clause}[{index}]")))
        });
        conditions.collect()
    }

    fn condition(&mut self, condition: proto::Condition, depth: usize) -> Result<Condition, Fault> {
        use proto::condition::Kind;
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(invalid("", format!("there are more than {MAX_CONDITIONS} conditions; send fewer")));
        }
        match condition.kind {
            Some(Kind::Field(proto::FieldCondition { key, test })) => {
                let test = field_test(test).map_err(|fault| fault.within("field"))?;
                Ok(Condition::Field { key: checked_key(key).map_err(|fault| fault.within("field"))?, test })
            }
            Some(Kind::HasId(proto::HasIdCondition { ids })) => {
                check_count("has_id.ids", ids.len())?;
                let ids = ids.into_iter().enumerate().map(|(index, id)| {
                    let id = document_id(id).map_err(|fault| fault.within(&format!("has_id.ids[{index}]")))?;
                    Ok(id.point_id())
                });
                Ok(Condition::HasId(ids.collect::<Result<_, _>>()?))
            }
            Some(Kind::IsEmpty(proto::IsEmptyCondition { key })) => {
                Ok(Condition::IsEmpty { key: checked_key(key).map_err(|fault| fault.within("is_empty"))? })
            }
            Some(Kind::Filter(filter)) => {
                Ok(Condition::Filter(self.filter(filter, depth + 1).map_err(|fault| fault.within("filter"))?))
            }
            None => Err(invalid("", "the condition is empty; set `field`, `has_id`, `is_empty` or `filter`")),
        }
    }
}

fn field_test(test: Option<proto::field_condition::Test>) -> Result<FieldTest, Fault> {
    use proto::field_condition::Test;
    match test {
        Some(Test::Equals(value)) => Ok(FieldTest::Equals(match_value(value).map_err(|fault| fault.within("equals"))?)),
        Some(Test::Any(values)) => Ok(FieldTest::Any(match_values(values).map_err(|fault| fault.within("any"))?)),
        Some(Test::Except(values)) => {
            Ok(FieldTest::Except(match_values(values).map_err(|fault| fault.within("except"))?))
        }
        Some(Test::Number(range)) => Ok(FieldTest::Number(number_range(range)?)),
        Some(Test::Time(range)) => Ok(FieldTest::Time(time_range(range)?)),
        None => Err(invalid("", "it tests nothing; set `equals`, `any`, `except`, `number` or `time`")),
    }
}

fn match_value(value: proto::MatchValue) -> Result<MatchValue, Fault> {
    use proto::match_value::Kind;
    match value.kind {
        Some(Kind::Keyword(text)) => Ok(MatchValue::Keyword(text)),
        Some(Kind::Integer(number)) => Ok(MatchValue::Integer(number)),
        Some(Kind::Boolean(flag)) => Ok(MatchValue::Boolean(flag)),
        None => Err(invalid("", "it is empty; set `keyword`, `integer` or `boolean`")),
    }
}

fn match_values(values: proto::MatchValues) -> Result<MatchValues, Fault> {
    let proto::MatchValues { keywords, integers } = values;
    check_count("", keywords.len().max(integers.len()))?;
    match (keywords.is_empty(), integers.is_empty()) {
        (false, true) => Ok(MatchValues::Keywords(keywords)),
        (true, false) => Ok(MatchValues::Integers(integers)),
        _ => Err(invalid("", "it has both keywords and integers; fill one of the lists")),
    }
}

fn number_range(range: proto::NumberRange) -> Result<Range<f64>, Fault> {
    let proto::NumberRange { lt, lte, gt, gte } = range;
    let bounds = [lt, lte, gt, gte];
    if bounds.iter().flatten().any(|bound| !bound.is_finite()) {
        return Err(invalid("number", "a bound is not a finite number; leave it out instead"));
    }
    check_bounds("number", bounds.iter().all(Option::is_none))?;
    Ok(Range { lt, lte, gt, gte })
}

fn time_range(range: proto::TimeRange) -> Result<Range<SystemTime>, Fault> {
    let time = |bound: Option<Timestamp>, name: &str| {
        let Some(bound) = bound else { return Ok(None) };
        let time = SystemTime::try_from(bound).ok().filter(|_| TIMESTAMPS.contains(&bound.normalized().seconds));
        let outside = || invalid(&format!("time.{name}"), "it is not in the years 1 to 9999; send a time that is");
        time.map(Some).ok_or_else(outside)
    };
    let proto::TimeRange { lt, lte, gt, gte } = range;
    let range = Range { lt: time(lt, "lt")?, lte: time(lte, "lte")?, gt: time(gt, "gt")?, gte: time(gte, "gte")? };
    check_bounds("time", [range.lt, range.lte, range.gt, range.gte].iter().all(Option::is_none))?;
    Ok(range)
}

fn check_bounds(field: &str, unbounded: bool) -> Result<(), Fault> {
    if unbounded { Err(invalid(field, "it has no bound; set `lt`, `lte`, `gt` or `gte`")) } else { Ok(()) }
}

fn check_count(field: &str, count: usize) -> Result<(), Fault> {
    if (1..=MAX_VALUES).contains(&count) {
        return Ok(());
    }
    Err(invalid(field, format!("there are {count} values; send 1 to {MAX_VALUES}")))
}

fn checked_key(key: String) -> Result<String, Fault> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Ok(key);
    }
    Err(invalid("key", format!("it has {} bytes; send 1 to {MAX_KEY_BYTES}", key.len())))
}

fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::condition::Kind;

    #[test]
    fn refuses_by_path() {
        let nested =
            |condition| proto::Filter { must: vec![proto::Condition { kind: condition }], ..Default::default() };
        let field = |condition| filter(nested(condition)).unwrap_err().field;
        assert_eq!(field(None), "must[0]");
        assert_eq!(field(Some(Kind::HasId(proto::HasIdCondition::default()))), "must[0].has_id.ids");
        assert_eq!(field(Some(Kind::IsEmpty(proto::IsEmptyCondition::default()))), "must[0].is_empty.key");
        let equals_nothing = proto::field_condition::Test::Equals(proto::MatchValue::default());
        let condition = proto::FieldCondition { key: "year".into(), test: Some(equals_nothing) };
        assert_eq!(field(Some(Kind::Field(condition))), "must[0].field.equals");
    }

    #[test]
    fn refuses_what_is_nested_too_deep() {
        let mut deep = proto::Filter::default();
        for _ in 0..MAX_DEPTH {
            deep =
                proto::Filter { must: vec![proto::Condition { kind: Some(Kind::Filter(deep)) }], ..Default::default() };
        }
        assert!(filter(deep).unwrap_err().message.contains("nested"));
    }
}
