//! Stored payloads in responses.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::Value;

use crate::grpc::limits::MAX_PAYLOAD_DEPTH;
use crate::json;
use crate::proto::PayloadFormat;
use crate::types::Payload;

/// Payload fields of a response message. An empty payload is absent.
#[derive(Debug, Default, PartialEq)]
pub struct PayloadFields {
    pub payload: Option<Struct>,
    pub payload_json: String,
    /// Top-level fields whose values a Struct can't represent exactly.
    pub inexact_fields: Vec<String>,
}

impl PayloadFields {
    /// Converts a stored payload to the requested format.
    pub fn new(payload: Payload, format: PayloadFormat) -> Self {
        if payload.is_empty() {
            return Self::default();
        }
        match format {
            PayloadFormat::Json => Self { payload_json: Value::Object(payload).to_string(), ..Self::default() },
            PayloadFormat::Struct | PayloadFormat::Unspecified => {
                let mut inexact_fields = Vec::new();
                let fields = payload.into_iter().map(|(name, value)| {
                    let mut is_exact = true;
                    let value = to_proto_value(value, MAX_PAYLOAD_DEPTH - 1, &mut is_exact);
                    if !is_exact {
                        inexact_fields.push(name.clone());
                    }
                    (name, value)
                });
                Self { payload: Some(Struct { fields: fields.collect() }), inexact_fields, ..Self::default() }
            }
        }
    }
}

/// Converts a value. `remaining_depth` is the number of levels allowed below it.
fn to_proto_value(value: Value, remaining_depth: usize, is_exact: &mut bool) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => {
            *is_exact &= number.is_f64() || number.as_i64().is_some_and(json::is_exact_f64);
            // Never `None`: large integers are rounded to the nearest double.
            Kind::NumberValue(number.as_f64().unwrap_or_default())
        }
        Value::String(text) => Kind::StringValue(text),
        // The decoder of the client would refuse the whole message if it were nested deeper.
        nested @ (Value::Array(_) | Value::Object(_)) if remaining_depth == 0 => {
            *is_exact = false;
            Kind::StringValue(nested.to_string())
        }
        Value::Array(values) => {
            let values = values.into_iter().map(|value| to_proto_value(value, remaining_depth - 1, is_exact));
            Kind::ListValue(ListValue { values: values.collect() })
        }
        Value::Object(fields) => {
            let fields =
                fields.into_iter().map(|(name, value)| (name, to_proto_value(value, remaining_depth - 1, is_exact)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    prost_types::Value { kind: Some(kind) }
}
