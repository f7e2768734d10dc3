//! Conditions on stored documents, as both stores understand them.

use std::time::SystemTime;

use super::PointId;

/// Passes if every `must` holds, at least one `should` does (where there are any), and no `must_not` does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub must: Vec<Condition>,
    pub should: Vec<Condition>,
    pub must_not: Vec<Condition>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// On the value at a payload path (`a.b` inside objects, `a[].b` inside each element of a list).
    Field { key: String, test: FieldTest },
    /// The point's id is one of these.
    HasId(Vec<PointId>),
    /// The payload path is absent, null or an empty list.
    IsEmpty { key: String },
    /// A filter in its own right.
    Filter(Filter),
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldTest {
    Equals(MatchValue),
    Any(MatchValues),
    /// Has a value that is none of these.
    Except(MatchValues),
    NumberRange(FieldRange<f64>),
    TimeRange(FieldRange<SystemTime>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchValue {
    Keyword(String),
    Integer(i64),
    Boolean(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchValues {
    Keywords(Vec<String>),
    Integers(Vec<i64>),
}

/// Bounds; `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRange<T> {
    pub lt: Option<T>,
    pub lte: Option<T>,
    pub gt: Option<T>,
    pub gte: Option<T>,
}
