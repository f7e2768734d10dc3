//! Payloads: `google.protobuf.Struct` to JSON and back.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Number, Value};

use crate::types::{Fault, FieldPath, Payload, RESERVED_PREFIX, Reason};

/// The deepest nesting that the decoder takes.
pub const MOST_NESTED: usize = 32;
/// Up to here, every whole number has a double of its own.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A client's payload. Whole numbers become integers, so that filters can match them.
///
/// # Errors
/// A reserved field, a number that JSON doesn't have, too deep a nesting; each by its path.
pub fn payload(fields: Struct, max_bytes: usize, max_depth: usize) -> Result<Payload, Fault> {
    let bytes = fields.encoded_len();
    if bytes > max_bytes {
        let message =
            format!("it has {bytes} bytes and {max_bytes} are taken; make it smaller, or raise --max-payload-bytes");
        return Err(Fault::new(Reason::InvalidArgument, "payload", message));
    }
    if let Some(name) = fields.fields.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(Fault::new(Reason::InvalidArgument, format!("payload.{name}"), message));
    }
    object(fields, &FieldPath::new("payload"), max_depth)
}

/// `room` is how many levels there may be, this one included.
fn object(fields: Struct, path: &FieldPath<'_>, room: usize) -> Result<Payload, Fault> {
    let room = one_less(room, path)?;
    let entries = fields.fields.into_iter().map(|(name, field)| {
        let field = value(field, &path.field(&name), room)?;
        Ok((name, field))
    });
    entries.collect()
}

fn value(value: prost_types::Value, path: &FieldPath<'_>, room: usize) -> Result<Value, Fault> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => Value::Number(whole_or_double(number).ok_or_else(|| {
            let message = "it is not a finite number; leave it out or send a finite one";
            Fault::new(Reason::InvalidArgument, path.to_string(), message)
        })?),
        Some(Kind::StructValue(fields)) => Value::Object(object(fields, path, room)?),
        Some(Kind::ListValue(list)) => Value::Array(self::list(list, path, room)?),
    })
}

fn list(list: ListValue, path: &FieldPath<'_>, room: usize) -> Result<Vec<Value>, Fault> {
    let room = one_less(room, path)?;
    let values = list.values.into_iter().enumerate();
    values.map(|(index, element)| value(element, &path.element(index), room)).collect()
}

fn one_less(room: usize, path: &FieldPath<'_>) -> Result<usize, Fault> {
    room.checked_sub(1).ok_or_else(|| {
        let message =
            format!("it is nested too deep; make it flatter, or raise --max-payload-depth (at most {MOST_NESTED})");
        Fault::new(Reason::InvalidArgument, path.to_string(), message)
    })
}

fn whole_or_double(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() <= MAX_WHOLE {
        #[allow(clippy::cast_possible_truncation)] // It is whole and within 53 bits.
        return Some((number as i64).into());
    }
    Number::from_f64(number)
}

/// A stored payload, for a client.
pub fn to_struct(payload: Payload) -> Struct {
    Struct { fields: payload.into_iter().map(|(name, value)| (name, to_value(value))).collect() }
}

fn to_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(to_value).collect() }),
        Value::Object(fields) => Kind::StructValue(to_struct(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-1_000_000i64..1_000_000).prop_map(Value::from),
            (0.1f64..0.9).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Law: a payload comes back as it was.
        #[test]
        fn comes_back_as_it_was(fields in prop::collection::btree_map("[a-z]{1,6}", json(), 0..4)) {
            let fields: Payload = fields.into_iter().collect();
            prop_assert_eq!(payload(to_struct(fields.clone()), 1 << 20, MOST_NESTED).unwrap(), fields);
        }
    }

    #[test]
    fn refuses_by_path() {
        let mut deep = Value::Null;
        for _ in 0..=MOST_NESTED {
            deep = Value::Object(Payload::from_iter([("in".to_owned(), deep)]));
        }
        let refused = |name: &str, value: Value| {
            let fields = to_struct(Payload::from_iter([(name.to_owned(), value)]));
            payload(fields, 1 << 20, MOST_NESTED).unwrap_err().field
        };
        assert!(refused("deep", deep).starts_with("payload.deep.in.in"));
        assert_eq!(refused("_splade_key", Value::Null), "payload._splade_key");
        let not_a_number = prost_types::Value { kind: Some(Kind::NumberValue(f64::NAN)) };
        let fields = Struct { fields: [("x".to_owned(), not_a_number)].into() };
        assert_eq!(payload(fields, 1 << 20, MOST_NESTED).unwrap_err().field, "payload.x");
    }

    #[test]
    fn holds_to_its_bounds() {
        let nested = to_struct(Payload::from_iter([("a".to_owned(), serde_json::json!({ "b": [1] }))]));
        let bytes = nested.encoded_len();
        payload(nested.clone(), bytes, 3).unwrap();
        let fault = payload(nested.clone(), bytes - 1, 3).unwrap_err();
        assert_eq!(fault.field, "payload");
        assert!(fault.message.contains("--max-payload-bytes"), "{fault}");
        let fault = payload(nested, bytes, 2).unwrap_err();
        assert_eq!(fault.field, "payload.a.b");
        assert!(fault.message.contains("--max-payload-depth"), "{fault}");
    }
}
