//! Payloads sent as `google.protobuf.Struct`.

use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::Value;

use super::limits::{descend, invalid_argument_at};
use crate::json;
use crate::types::{ApiError, FieldPath, Payload};

/// Converts a Struct. `remaining_depth` is the number of levels allowed, including the Struct.
///
/// # Errors
/// `INVALID_ARGUMENT` with the path of the value if a number is not finite or the nesting is too deep.
pub fn convert_struct(fields: Struct, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Payload, ApiError> {
    let remaining_depth = descend(remaining_depth, path)?;
    let entries = fields.fields.into_iter().map(|(name, field)| {
        let field = convert_value(field, &path.field(&name), remaining_depth)?;
        Ok((name, field))
    });
    entries.collect()
}

fn convert_value(value: prost_types::Value, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Value, ApiError> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => Value::Number(json::number_from_f64(number).ok_or_else(|| {
            invalid_argument_at(path, "the number is NaN or infinite; send a finite number, or omit the field")
        })?),
        Some(Kind::StructValue(fields)) => Value::Object(convert_struct(fields, path, remaining_depth)?),
        Some(Kind::ListValue(list)) => {
            let remaining_depth = descend(remaining_depth, path)?;
            let values = list.values.into_iter().enumerate();
            let values = values.map(|(index, element)| convert_value(element, &path.element(index), remaining_depth));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
    })
}
