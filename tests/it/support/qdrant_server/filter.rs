//! Conversion of filters. The engine parses them as JSON, in the format of Qdrant's REST API.

use qdrant_client::qdrant;
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::wire;

/// Converts a filter to that of the engine.
pub fn parse_filter(filter: qdrant::Filter) -> Result<qdrant_edge::Filter, Status> {
    let json = filter_to_json(filter)?;
    serde_json::from_value(json).map_err(|error| Status::invalid_argument(format!("Wrong input: filter: {error}")))
}

fn filter_to_json(filter: qdrant::Filter) -> Result<Value, Status> {
    let mut clauses = Map::new();
    for (name, conditions) in [("must", filter.must), ("should", filter.should), ("must_not", filter.must_not)] {
        if !conditions.is_empty() {
            clauses.insert(name.to_owned(), conditions.into_iter().map(condition_to_json).collect::<Result<_, _>>()?);
        }
    }
    Ok(clauses.into())
}

fn condition_to_json(condition: qdrant::Condition) -> Result<Value, Status> {
    match condition.condition_one_of {
        Some(ConditionOneOf::Field(condition)) => field_to_json(condition),
        Some(ConditionOneOf::IsEmpty(condition)) => Ok(json!({"is_empty": {"key": condition.key}})),
        Some(ConditionOneOf::IsNull(condition)) => Ok(json!({"is_null": {"key": condition.key}})),
        Some(ConditionOneOf::Filter(inner)) => filter_to_json(inner),
        Some(ConditionOneOf::HasId(condition)) => {
            let ids = condition.has_id.into_iter().map(wire::parse_point_id).collect::<Result<Vec<_>, _>>()?;
            Ok(json!({"has_id": ids}))
        }
        other => Err(Status::unimplemented(format!("the test server has no condition {other:?}"))),
    }
}

fn field_to_json(condition: qdrant::FieldCondition) -> Result<Value, Status> {
    let key = condition.key;
    if let Some(value) = condition.r#match.and_then(|value| value.match_value) {
        return Ok(json!({"key": key, "match": match_to_json(value)?}));
    }
    if let Some(range) = condition.range {
        let bounds = [("lt", range.lt), ("lte", range.lte), ("gt", range.gt), ("gte", range.gte)];
        return Ok(json!({"key": key, "range": bounds_to_json(bounds)}));
    }
    if let Some(range) = condition.datetime_range {
        let bounds = [("lt", range.lt), ("lte", range.lte), ("gt", range.gt), ("gte", range.gte)];
        let bounds = bounds.map(|(name, time)| (name, time.map(|time| time.to_string())));
        return Ok(json!({"key": key, "range": bounds_to_json(bounds)}));
    }
    Err(Status::unimplemented(format!("the test server has no such condition on {key}")))
}

fn match_to_json(value: MatchValue) -> Result<Value, Status> {
    Ok(match value {
        MatchValue::Keyword(keyword) => json!({"value": keyword}),
        MatchValue::Integer(integer) => json!({"value": integer}),
        MatchValue::Boolean(boolean) => json!({"value": boolean}),
        MatchValue::Keywords(keywords) => json!({"any": keywords.strings}),
        MatchValue::Integers(integers) => json!({"any": integers.integers}),
        MatchValue::ExceptKeywords(keywords) => json!({"except": keywords.strings}),
        MatchValue::ExceptIntegers(integers) => json!({"except": integers.integers}),
        other => return Err(Status::unimplemented(format!("the test server has no match {other:?}"))),
    })
}

fn bounds_to_json<T: Into<Value>>(bounds: [(&str, Option<T>); 4]) -> Value {
    let set = bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), bound?.into())));
    Value::Object(set.collect())
}
