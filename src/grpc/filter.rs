//! Filters, checked.

use std::ops::RangeInclusive;
use std::time::SystemTime;

use prost_types::Timestamp;

use super::document::parse_document_id;
use crate::proto::{self, condition::Test};

use crate::types::{Condition, Fault, FieldTest, Filter, MatchValue, MatchValues, Range, Reason};

const MAX_DEPTH: usize = 16;
const MAX_CONDITIONS: usize = 1_000;
/// Maximum number of values of one condition.
pub const MAX_VALUES: usize = 1_000;
/// Maximum length of the path of a payload field, in bytes.
pub const MAX_PATH_BYTES: usize = 512;
/// The years 1 to 9999, which google.protobuf.Timestamp and the stores have, in seconds since 1970.
const TIMESTAMPS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Checks a client's filter.
///
/// # Errors
/// A condition that is empty or out of bounds, by its path.
pub fn parse_filter(filter: proto::Filter) -> Result<Filter, Fault> {
    let mut converter = Converter { conditions: 0 };
    converter.filter(filter, 1)
}

struct Converter {
    /// Number of conditions so far.
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
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(invalid("", format!("there are more than {MAX_CONDITIONS} conditions; send fewer")));
        }
        let proto::Condition { path, test } = condition;
        let Some(test) = test else {
            let message = "the condition has no test; set `match`, `match_any`, `match_none`, `range`, `time_range`, \
                           `is_empty`, `has_id` or `filter`";
            return Err(invalid("", message));
        };
        let test = match test {
            Test::HasId(proto::DocumentIds { ids }) => {
                check_no_path(&path, "has_id")?;
                return parse_has_id(ids).map_err(|fault| fault.within("has_id"));
            }
            Test::Filter(filter) => {
                check_no_path(&path, "filter")?;
                let filter = self.filter(filter, depth + 1).map_err(|fault| fault.within("filter"))?;
                return Ok(Condition::Filter(filter));
            }
            Test::IsEmpty(is_empty) => {
                let empty = Condition::IsEmpty { key: check_path(path)? };
                return Ok(match is_empty {
                    true => empty,
                    false => Condition::Filter(Filter { must_not: vec![empty], ..Filter::default() }),
                });
            }
            Test::Match(value) => FieldTest::Equals(parse_value(value).map_err(|fault| fault.within("match"))?),
            Test::MatchAny(values) => FieldTest::Any(parse_values(values).map_err(|fault| fault.within("match_any"))?),
            Test::MatchNone(values) => {
                FieldTest::Except(parse_values(values).map_err(|fault| fault.within("match_none"))?)
            }
            Test::Range(range) => FieldTest::Number(parse_range(range).map_err(|fault| fault.within("range"))?),
            Test::TimeRange(range) => {
                FieldTest::Time(parse_time_range(range).map_err(|fault| fault.within("time_range"))?)
            }
        };
        Ok(Condition::Field { key: check_path(path)?, test })
    }
}

fn parse_has_id(ids: Vec<proto::DocumentId>) -> Result<Condition, Fault> {
    check_count("ids", ids.len())?;
    let ids = ids.into_iter().enumerate().map(|(index, id)| {
        let id = parse_document_id(id).map_err(|fault| fault.within(&format!("ids[{index}]")))?;
        Ok(id.point_id())
    });
    Ok(Condition::HasId(ids.collect::<Result<_, Fault>>()?))
}

fn parse_value(value: proto::MatchValue) -> Result<MatchValue, Fault> {
    use proto::match_value::Kind;
    match value.kind {
        Some(Kind::Keyword(text)) => Ok(MatchValue::Keyword(text)),
        Some(Kind::Integer(number)) => Ok(MatchValue::Integer(number)),
        Some(Kind::Boolean(flag)) => Ok(MatchValue::Boolean(flag)),
        None => Err(invalid("", "it is empty; set `keyword`, `integer` or `boolean`")),
    }
}

fn parse_values(values: proto::MatchValues) -> Result<MatchValues, Fault> {
    let proto::MatchValues { keywords, integers } = values;
    check_count("", keywords.len().max(integers.len()))?;
    match (keywords.is_empty(), integers.is_empty()) {
        (false, true) => Ok(MatchValues::Keywords(keywords)),
        (true, false) => Ok(MatchValues::Integers(integers)),
        _ => Err(invalid("", "it has both keywords and integers; fill one of the lists")),
    }
}

fn parse_range(range: proto::NumberRange) -> Result<Range<f64>, Fault> {
    let proto::NumberRange { lt, lte, gt, gte } = range;
    for (name, bound) in [("lt", lt), ("lte", lte), ("gt", gt), ("gte", gte)] {
        if bound.is_some_and(|bound| !bound.is_finite()) {
            return Err(invalid(name, "it is not a finite number; omit it instead"));
        }
    }
    check_bounds([lt, lte, gt, gte].iter().all(Option::is_none))?;
    Ok(Range { lt, lte, gt, gte })
}

fn parse_time_range(range: proto::TimeRange) -> Result<Range<SystemTime>, Fault> {
    let time = |bound: Option<Timestamp>, name: &str| {
        let Some(bound) = bound else { return Ok(None) };
        let time = SystemTime::try_from(bound).ok().filter(|_| TIMESTAMPS.contains(&bound.normalized().seconds));
        time.map(Some).ok_or_else(|| invalid(name, "it is not in the years 1 to 9999; send a time that is"))
    };
    let proto::TimeRange { lt, lte, gt, gte } = range;
    let range = Range { lt: time(lt, "lt")?, lte: time(lte, "lte")?, gt: time(gt, "gt")?, gte: time(gte, "gte")? };
    check_bounds([range.lt, range.lte, range.gt, range.gte].iter().all(Option::is_none))?;
    Ok(range)
}

fn check_bounds(unbounded: bool) -> Result<(), Fault> {
    if unbounded { Err(invalid("", "it has no bound; set `lt`, `lte`, `gt` or `gte`")) } else { Ok(()) }
}

fn check_count(field: &str, count: usize) -> Result<(), Fault> {
    if (1..=MAX_VALUES).contains(&count) {
        return Ok(());
    }
    Err(invalid(field, format!("there are {count} values; send 1 to {MAX_VALUES}")))
}

fn check_path(path: String) -> Result<String, Fault> {
    if (1..=MAX_PATH_BYTES).contains(&path.len()) {
        return Ok(path);
    }
    Err(invalid("path", format!("it has {} bytes; send 1 to {MAX_PATH_BYTES}", path.len())))
}

fn check_no_path(path: &str, test: &str) -> Result<(), Fault> {
    if path.is_empty() { Ok(()) } else { Err(invalid("path", format!("`{test}` tests no field; omit the path"))) }
}

fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(test: Option<Test>, path: &str) -> proto::Filter {
        proto::Filter { must: vec![proto::Condition { path: path.to_owned(), test }], ..Default::default() }
    }

    #[test]
    fn refuses_by_path() {
        let field = |test, path| parse_filter(nested(test, path)).unwrap_err().field;
        assert_eq!(field(None, "year"), "must[0]");
        assert_eq!(field(Some(Test::HasId(proto::DocumentIds::default())), ""), "must[0].has_id.ids");
        assert_eq!(field(Some(Test::IsEmpty(true)), ""), "must[0].path");
        assert_eq!(field(Some(Test::Filter(proto::Filter::default())), "year"), "must[0].path");
        assert_eq!(field(Some(Test::Match(proto::MatchValue::default())), "year"), "must[0].match");
        assert_eq!(field(Some(Test::Range(proto::NumberRange::default())), "year"), "must[0].range");
        let infinite = proto::NumberRange { gte: Some(f64::INFINITY), ..Default::default() };
        assert_eq!(field(Some(Test::Range(infinite)), "year"), "must[0].range.gte");
    }

    #[test]
    fn not_empty_is_the_opposite_of_empty() {
        let parsed = |is_empty| parse_filter(nested(Some(Test::IsEmpty(is_empty)), "year")).unwrap();
        let empty = Condition::IsEmpty { key: "year".to_owned() };
        let opposite = Condition::Filter(Filter { must_not: vec![empty.clone()], ..Filter::default() });
        assert_eq!((parsed(true).must, parsed(false).must), (vec![empty], vec![opposite]));
    }

    #[test]
    fn refuses_what_is_nested_too_deep() {
        let mut deep = proto::Filter::default();
        for _ in 0..MAX_DEPTH {
            deep = nested(Some(Test::Filter(deep)), "");
        }
        assert!(parse_filter(deep).unwrap_err().message.contains("nested"));
    }
}
