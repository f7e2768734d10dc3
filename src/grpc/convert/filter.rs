//! Filters of searches.

mod bounds;
mod field_test;

use bounds::check_value_count;

pub use bounds::MAX_CONDITION_VALUES;

use crate::grpc::errors::invalid_argument;
use crate::proto::{self, condition::Test};
use crate::types::{ApiError, Condition, DocumentId, FieldTest, Filter};

/// Maximum nesting of filters. Bounds the recursion of the conversion.
const MAX_DEPTH: usize = 16;
/// Maximum number of conditions of a filter, including those of nested filters.
const MAX_CONDITIONS: usize = 1_000;
/// Maximum length of the path of a payload field, in bytes.
pub const MAX_PATH_BYTES: usize = 512;

impl TryFrom<proto::Filter> for Filter {
    type Error = ApiError;

    /// Validates a filter.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the path of a condition that is empty or out of bounds, such as `must[0].range.gte`.
    fn try_from(filter: proto::Filter) -> Result<Self, ApiError> {
        let mut converter = FilterConverter { condition_count: 0 };
        converter.convert_filter(filter, 1)
    }
}

/// Converts a filter and counts its conditions.
struct FilterConverter {
    /// Number of conditions converted so far.
    condition_count: usize,
}

impl FilterConverter {
    fn convert_filter(&mut self, filter: proto::Filter, depth: usize) -> Result<Filter, ApiError> {
        if depth > MAX_DEPTH {
            return Err(invalid_argument(
                "",
                format!("filters are nested more than {MAX_DEPTH} levels deep; flatten the filter"),
            ));
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
    ) -> Result<Vec<Condition>, ApiError> {
        let conditions = conditions.into_iter().enumerate().map(|(index, condition)| {
            self.convert_condition(condition, depth)
                .map_err(|error| error.with_field_prefix(&format!("{clause}[{index}]")))
        });
        conditions.collect()
    }

    fn convert_condition(&mut self, condition: proto::Condition, depth: usize) -> Result<Condition, ApiError> {
        self.condition_count += 1;
        if self.condition_count > MAX_CONDITIONS {
            let message = format!(
                "the filter has more than {MAX_CONDITIONS} conditions; send fewer, for example with `match_any`"
            );
            return Err(invalid_argument("", message));
        }
        let proto::Condition { path, test } = condition;
        let Some(test) = test else {
            let message = "the condition has no test; set `match`, `match_any`, `match_none`, `range`, `time_range`, \
                           `is_empty`, `has_id` or `filter`";
            return Err(invalid_argument("", message));
        };
        let test = match test {
            Test::HasId(proto::DocumentIds { ids }) => {
                check_no_path(&path, "has_id")?;
                return parse_has_id(ids).map_err(|error| error.with_field_prefix("has_id"));
            }
            Test::Filter(filter) => {
                check_no_path(&path, "filter")?;
                let filter =
                    self.convert_filter(filter, depth + 1).map_err(|error| error.with_field_prefix("filter"))?;
                return Ok(Condition::Filter(filter));
            }
            Test::IsEmpty(is_empty) => {
                let empty = Condition::IsEmpty { key: check_path(path)? };
                // Stores have no condition "is not empty", so it is the negation in a nested filter.
                return Ok(match is_empty {
                    true => empty,
                    false => Condition::Filter(Filter { must_not: vec![empty], ..Filter::default() }),
                });
            }
            Test::Match(value) => FieldTest::Equals(prefix_error_field("match", value.try_into())?),
            Test::MatchAny(values) => FieldTest::Any(prefix_error_field("match_any", values.try_into())?),
            Test::MatchNone(values) => FieldTest::Except(prefix_error_field("match_none", values.try_into())?),
            Test::Range(range) => FieldTest::NumberRange(prefix_error_field("range", range.try_into())?),
            Test::TimeRange(range) => FieldTest::TimeRange(prefix_error_field("time_range", range.try_into())?),
        };
        Ok(Condition::Field { key: check_path(path)?, test })
    }
}

fn prefix_error_field<T>(test: &str, converted: Result<T, ApiError>) -> Result<T, ApiError> {
    converted.map_err(|error| error.with_field_prefix(test))
}

fn parse_has_id(ids: Vec<proto::DocumentId>) -> Result<Condition, ApiError> {
    check_value_count("ids", ids.len())?;
    let ids = ids.into_iter().enumerate().map(|(index, id)| {
        let id = DocumentId::try_from(id).map_err(|error| error.with_field_prefix(&format!("ids[{index}]")))?;
        Ok(id.to_point_id())
    });
    Ok(Condition::HasId(ids.collect::<Result<_, ApiError>>()?))
}

fn check_path(path: String) -> Result<String, ApiError> {
    if (1..=MAX_PATH_BYTES).contains(&path.len()) {
        return Ok(path);
    }
    Err(invalid_argument("path", format!("the path has {} bytes; send 1 to {MAX_PATH_BYTES}", path.len())))
}

fn check_no_path(path: &str, test: &str) -> Result<(), ApiError> {
    if path.is_empty() {
        Ok(())
    } else {
        Err(invalid_argument("path", format!("`{test}` doesn't test a field; omit `path`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(test: Option<Test>, path: &str) -> proto::Filter {
        proto::Filter { must: vec![proto::Condition { path: path.to_owned(), test }], ..Default::default() }
    }

    #[test]
    fn errors_name_the_path() {
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
    fn is_empty_false_negates_is_empty_true() {
        let parsed = |is_empty| Filter::try_from(nested(Some(Test::IsEmpty(is_empty)), "year")).unwrap();
        let empty = Condition::IsEmpty { key: "year".to_owned() };
        let opposite = Condition::Filter(Filter { must_not: vec![empty.clone()], ..Filter::default() });
        assert_eq!((parsed(true).must, parsed(false).must), (vec![empty], vec![opposite]));
    }

    #[test]
    fn too_deep_nesting_is_refused() {
        let mut deep = proto::Filter::default();
        for _ in 0..MAX_DEPTH {
            deep = nested(Some(Test::Filter(deep)), "");
        }
        assert!(Filter::try_from(deep).unwrap_err().message.contains("nested"));
    }
}
