//! Payloads sent as the text of a JSON object.

use serde_json::{Number, Value};

use super::limits::{PAYLOAD_FIELD, PayloadLimits, descend, invalid_argument_at, too_large_error};
use crate::json::{self, JsonError};
use crate::types::{ApiError, ErrorReason, FieldPath, Payload};

/// Parses a JSON object.
///
/// # Errors
/// `INVALID_ARGUMENT` with the path of the value if the text is not a JSON object, a number can't be stored exactly, the
/// nesting is too deep, or the payload is too large.
pub fn parse_json_payload(text: &str, limits: PayloadLimits) -> Result<Payload, ApiError> {
    let fields = json::parse_object(text.as_bytes(), limits.max_bytes).map_err(
        |JsonError { path, message: problem, is_too_large }| {
            if is_too_large {
                return too_large_error(&format!("over {}", limits.max_bytes), limits.max_bytes);
            }
            let field = if path.is_empty() { PAYLOAD_FIELD.to_owned() } else { format!("{PAYLOAD_FIELD}.{path}") };
            ApiError::new(ErrorReason::InvalidArgument, field, problem)
        },
    )?;
    convert_object(fields, &FieldPath::new(PAYLOAD_FIELD), limits.max_depth)
}

/// Converts the values of an object. `remaining_depth` is the number of levels allowed, including the object.
fn convert_object(fields: Payload, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Payload, ApiError> {
    let remaining_depth = descend(remaining_depth, path)?;
    let entries = fields.into_iter().map(|(name, field)| {
        let field = convert_value(field, &path.field(&name), remaining_depth)?;
        Ok((name, field))
    });
    entries.collect()
}

/// Converts a value to its stored form.
fn convert_value(value: Value, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Value, ApiError> {
    Ok(match value {
        Value::Number(number) => Value::Number(convert_number(number, path)?),
        Value::Object(fields) => Value::Object(convert_object(fields, path, remaining_depth)?),
        Value::Array(values) => {
            let remaining_depth = descend(remaining_depth, path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(index, element)| convert_value(element, &path.element(index), remaining_depth));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    })
}

/// Converts a number to its stored form: stores support signed 64-bit integers and doubles.
fn convert_number(number: Number, path: &FieldPath<'_>) -> Result<Number, ApiError> {
    if number.is_i64() {
        return Ok(number);
    }
    // Only numbers written as floats become doubles: an integer beyond 64 bits would be rounded.
    let double = number.as_f64().filter(|_| number.is_f64()).and_then(json::number_from_f64);
    double.ok_or_else(|| {
        let message = format!("{number} is greater than 2^63 - 1 and can't be stored exactly; send it as a string");
        invalid_argument_at(path, message)
    })
}
