//! Filters.

mod bounds;
mod field_test;

use bounds::check_count;

pub use bounds::MAX_VALUES;

use crate::grpc::faults::invalid;
use crate::proto::{self, condition::Test};
use crate::types::{Condition, DocumentId, Fault, FieldTest, Filter};

const MAX_DEPTH: usize = 16;
const MAX_CONDITIONS: usize = 1_000;
/// Maximum length of the path of a payload field, in bytes.
pub const MAX_PATH_BYTES: usize = 512;

impl TryFrom<proto::Filter> for Filter {
    type Error = Fault;

    /// # Errors
    /// A condition that is empty or out of bounds, by its path.
    fn try_from(filter: proto::Filter) -> Result<Self, Fault> {
        let mut converter = Converter { conditions: 0 };
        converter.convert_filter(filter, 1)
    }
}

/// Converts a filter, and counts its conditions.
struct Converter {
    /// Number of conditions so far.
    conditions: usize,
}

impl Converter {
    fn convert_filter(&mut self, filter: proto::Filter, depth: usize) -> Result<Filter, Fault> {
        if depth > MAX_DEPTH {
            return Err(invalid("", format!("filters are nested more than {MAX_DEPTH} deep; make them flatter")));
        }
        let proto::Filter { must, should, must_not } = filter;
        Ok(Filter {
            must: self.convert_conditions(must, "must", depth)?,
            should: self.convert_conditions(should, "should", depth)?,
            must_not: self.convert_conditions(must_not, "must_not", depth)?,
        })
    }

    fn convert_conditions(
        &mut self,
        conditions: Vec<proto::Condition>,
        clause: &str,
        depth: usize,
    ) -> Result<Vec<Condition>, Fault> {
        let conditions = conditions.into_iter().enumerate().map(|(index, condition)| {
            self.convert_condition(condition, depth).map_err(|fault| fault.within(&format!("{clause}[{index}]")))
        });
        conditions.collect()
    }

    fn convert_condition(&mut self, condition: proto::Condition, depth: usize) -> Result<Condition, Fault> {
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
                let filter = self.convert_filter(filter, depth + 1).map_err(|fault| fault.within("filter"))?;
                return Ok(Condition::Filter(filter));
            }
            Test::IsEmpty(is_empty) => {
                let empty = Condition::IsEmpty { key: check_path(path)? };
                return Ok(match is_empty {
                    true => empty,
                    false => Condition::Filter(Filter { must_not: vec![empty], ..Filter::default() }),
                });
            }
            Test::Match(value) => FieldTest::Equals(within("match", value.try_into())?),
            Test::MatchAny(values) => FieldTest::Any(within("match_any", values.try_into())?),
            Test::MatchNone(values) => FieldTest::Except(within("match_none", values.try_into())?),
            Test::Range(range) => FieldTest::Number(within("range", range.try_into())?),
            Test::TimeRange(range) => FieldTest::Time(within("time_range", range.try_into())?),
        };
        Ok(Condition::Field { key: check_path(path)?, test })
    }
}

fn within<T>(test: &str, converted: Result<T, Fault>) -> Result<T, Fault> {
    converted.map_err(|fault| fault.within(test))
}

fn parse_has_id(ids: Vec<proto::DocumentId>) -> Result<Condition, Fault> {
    check_count("ids", ids.len())?;
    let ids = ids.into_iter().enumerate().map(|(index, id)| {
        let id = DocumentId::try_from(id).map_err(|fault| fault.within(&format!("ids[{index}]")))?;
        Ok(id.point_id())
    });
    Ok(Condition::HasId(ids.collect::<Result<_, Fault>>()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(test: Option<Test>, path: &str) -> proto::Filter {
        proto::Filter { must: vec![proto::Condition { path: path.to_owned(), test }], ..Default::default() }
    }

    #[test]
    fn refuses_by_path() {
        let field = |test, path| Filter::try_from(nested(test, path)).unwrap_err().field;
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
        let parsed = |is_empty| Filter::try_from(nested(Some(Test::IsEmpty(is_empty)), "year")).unwrap();
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
        assert!(Filter::try_from(deep).unwrap_err().message.contains("nested"));
    }
}
