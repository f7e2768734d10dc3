//! Conditions on one payload field: `match`, `match_any`, `match_none`, `range` and `time_range`.

use std::ops::RangeInclusive;
use std::time::SystemTime;

use prost_types::Timestamp;

use super::bounds::check_value_count;
use crate::grpc::errors::invalid_argument;
use crate::proto::{self, match_value::Kind};
use crate::types::{ApiError, FieldRange, MatchValue, MatchValues};

/// Range of `google.protobuf.Timestamp` and of the stores, the years 1 to 9999, in seconds since 1970.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl TryFrom<proto::MatchValue> for MatchValue {
    type Error = ApiError;

    fn try_from(value: proto::MatchValue) -> Result<Self, ApiError> {
        match value.kind {
            Some(Kind::Keyword(text)) => Ok(Self::Keyword(text)),
            Some(Kind::Integer(number)) => Ok(Self::Integer(number)),
            Some(Kind::Boolean(flag)) => Ok(Self::Boolean(flag)),
            None => Err(invalid_argument("", "the value is empty; set `keyword`, `integer` or `boolean`")),
        }
    }
}

impl TryFrom<proto::MatchValues> for MatchValues {
    type Error = ApiError;

    fn try_from(values: proto::MatchValues) -> Result<Self, ApiError> {
        let proto::MatchValues { keywords, integers } = values;
        check_value_count("", keywords.len().max(integers.len()))?;
        match (keywords.is_empty(), integers.is_empty()) {
            (false, true) => Ok(Self::Keywords(keywords)),
            (true, false) => Ok(Self::Integers(integers)),
            _ => Err(invalid_argument("", "`keywords` and `integers` are both set; set only one of them")),
        }
    }
}

impl TryFrom<proto::NumberRange> for FieldRange<f64> {
    type Error = ApiError;

    fn try_from(range: proto::NumberRange) -> Result<Self, ApiError> {
        let proto::NumberRange { lt, lte, gt, gte } = range;
        for (name, bound) in [("lt", lt), ("lte", lte), ("gt", gt), ("gte", gte)] {
            if bound.is_some_and(|bound| !bound.is_finite()) {
                return Err(invalid_argument(name, "the bound is NaN or infinite; send a finite number, or omit it"));
            }
        }
        check_bounded([lt, lte, gt, gte].iter().all(Option::is_none))?;
        Ok(Self { lt, lte, gt, gte })
    }
}

impl TryFrom<proto::TimeRange> for FieldRange<SystemTime> {
    type Error = ApiError;

    fn try_from(range: proto::TimeRange) -> Result<Self, ApiError> {
        let proto::TimeRange { lt, lte, gt, gte } = range;
        let parse_bound = |name, bound: Option<Timestamp>| bound.map(|bound| parse_time(name, bound)).transpose();
        let range = Self {
            lt: parse_bound("lt", lt)?,
            lte: parse_bound("lte", lte)?,
            gt: parse_bound("gt", gt)?,
            gte: parse_bound("gte", gte)?,
        };
        check_bounded([range.lt, range.lte, range.gt, range.gte].iter().all(Option::is_none))?;
        Ok(range)
    }
}

fn parse_time(name: &str, bound: Timestamp) -> Result<SystemTime, ApiError> {
    let time = SystemTime::try_from(bound).ok().filter(|_| TIMESTAMP_SECONDS.contains(&bound.normalized().seconds));
    time.ok_or_else(|| invalid_argument(name, "the time is outside the years 1 to 9999; send a time in this range"))
}

fn check_bounded(is_unbounded: bool) -> Result<(), ApiError> {
    let message = "the range has no bound; set `lt`, `lte`, `gt` or `gte`";
    if is_unbounded { Err(invalid_argument("", message)) } else { Ok(()) }
}
