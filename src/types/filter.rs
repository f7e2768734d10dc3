//! Filters on stored documents, with the semantics of Qdrant.

use std::time::SystemTime;

use super::PointId;

/// Boolean combination of conditions: passes if all `must` conditions hold, at least one `should` condition holds (if
/// there are any), and no `must_not` condition holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub must: Vec<Condition>,
    pub should: Vec<Condition>,
    pub must_not: Vec<Condition>,
}

/// Condition of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Test of the value at a payload path (`a.b` inside objects, `a[].b` inside each element of a list).
    Field { key: String, test: FieldTest },
    /// The point's id is in the list.
    HasId(Vec<PointId>),
    /// The payload path is absent, null or an empty list.
    IsEmpty { key: String },
    /// Nested filter.
    Filter(Filter),
}

/// Test of a field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldTest {
    /// Equal to a value.
    Equals(MatchValue),
    /// Equal to one of the values.
    Any(MatchValues),
    /// Has a value that is not in the list.
    Except(MatchValues),
    NumberRange(FieldRange<f64>),
    TimeRange(FieldRange<SystemTime>),
}

/// Value to compare a field with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchValue {
    Keyword(String),
    Integer(i64),
    Boolean(bool),
}

/// List of values to compare a field with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchValues {
    Keywords(Vec<String>),
    Integers(Vec<i64>),
}

/// Range of a field's value; `None` is unbounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRange<T> {
    pub lt: Option<T>,
    pub lte: Option<T>,
    pub gt: Option<T>,
    pub gte: Option<T>,
}
