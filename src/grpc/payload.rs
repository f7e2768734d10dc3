//! Payloads of messages: `google.protobuf.Struct` or the text of a JSON object, to what is stored and back. This is the
//! only place where a Struct becomes JSON or JSON a Struct.

use std::io;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Number, Value};

use super::limits::MOST_NESTED;
use crate::json::{self, JsonError};
use crate::proto::PayloadFormat;
use crate::types::{Fault, FieldPath, Payload, RESERVED_PREFIX, Reason};

/// The field of a document, and the beginning of every path.
const FIELD: &str = "payload";

/// How large a payload may be.
#[derive(Debug, Clone, Copy)]
pub struct PayloadLimits {
    /// Bytes of the payload as JSON without blanks, however it was sent.
    pub bytes: usize,
    /// Levels of objects and lists, the payload itself included.
    pub depth: usize,
}

/// A client's payload, from the one of the two fields that is set.
///
/// # Errors
/// Both fields, text that is no JSON object, a reserved field, a number that can't be stored exactly, too deep a
/// nesting, too many bytes; each by its path.
pub fn parse_payload(fields: Option<Struct>, text: &str, limits: PayloadLimits) -> Result<Payload, Fault> {
    let payload = match (fields, text) {
        (None, "") => return Ok(Payload::new()),
        (Some(fields), "") => from_struct(fields, &FieldPath::new(FIELD), limits.depth)?,
        (None, text) => from_json(text, limits)?,
        (Some(_), _) => {
            let message = "`payload` and `payload_json` are both set; set one of them";
            return Err(Fault::new(Reason::InvalidArgument, "payload_json", message));
        }
    };
    if let Some(name) = payload.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(invalid(&FieldPath::new(FIELD).field(name), message));
    }
    check_bytes(&payload, limits.bytes)?;
    Ok(payload)
}

/// One measure for both forms, so that a document isn't refused in the one and taken in the other.
fn check_bytes(payload: &Payload, max_bytes: usize) -> Result<(), Fault> {
    let mut counter = Counter(0);
    // Counting can't fail.
    let _counted = serde_json::to_writer(&mut counter, payload);
    if counter.0 <= max_bytes {
        return Ok(());
    }
    Err(too_large(&counter.0.to_string(), max_bytes))
}

fn too_large(bytes: &str, max_bytes: usize) -> Fault {
    let message = format!(
        "it has {bytes} bytes as JSON and {max_bytes} are taken; make it smaller, or raise --max-payload-bytes"
    );
    invalid(&FieldPath::new(FIELD), message)
}

/// Counts what is written.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn from_json(text: &str, limits: PayloadLimits) -> Result<Payload, Fault> {
    let fields =
        json::parse_object(text.as_bytes(), limits.bytes).map_err(|JsonError { path, problem, is_too_large }| {
            if is_too_large {
                return too_large("more", limits.bytes);
            }
            let at = if path.is_empty() { FIELD.to_owned() } else { format!("{FIELD}.{path}") };
            Fault::new(Reason::InvalidArgument, at, problem)
        })?;
    object(fields, &FieldPath::new(FIELD), limits.depth)
}

/// `room` is how many levels there may be, this one included.
fn object(fields: Payload, path: &FieldPath<'_>, room: usize) -> Result<Payload, Fault> {
    let room = one_less(room, path)?;
    let entries = fields.into_iter().map(|(name, field)| {
        let field = value(field, &path.field(&name), room)?;
        Ok((name, field))
    });
    entries.collect()
}

/// The value as it is stored.
fn value(value: Value, path: &FieldPath<'_>, room: usize) -> Result<Value, Fault> {
    Ok(match value {
        Value::Number(number) => Value::Number(stored(number, path)?),
        Value::Object(fields) => Value::Object(object(fields, path, room)?),
        Value::Array(values) => {
            let room = one_less(room, path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(index, element)| self::value(element, &path.element(index), room));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    })
}

/// Stores have signed integers of 64 bits and doubles.
fn stored(number: Number, path: &FieldPath<'_>) -> Result<Number, Fault> {
    if number.is_i64() {
        return Ok(number);
    }
    let double = number.as_f64().filter(|_| number.is_f64()).and_then(json::number);
    double.ok_or_else(|| {
        let message = format!("{number} is beyond 2^63 - 1, so it can't be stored exactly; make it a string");
        invalid(path, message)
    })
}

fn from_struct(fields: Struct, path: &FieldPath<'_>, room: usize) -> Result<Payload, Fault> {
    let room = one_less(room, path)?;
    let entries = fields.fields.into_iter().map(|(name, field)| {
        let field = from_value(field, &path.field(&name), room)?;
        Ok((name, field))
    });
    entries.collect()
}

fn from_value(value: prost_types::Value, path: &FieldPath<'_>, room: usize) -> Result<Value, Fault> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => Value::Number(
            json::number(number)
                .ok_or_else(|| invalid(path, "it is not a finite number; leave it out or send a finite one"))?,
        ),
        Some(Kind::StructValue(fields)) => Value::Object(from_struct(fields, path, room)?),
        Some(Kind::ListValue(list)) => {
            let room = one_less(room, path)?;
            let values = list.values.into_iter().enumerate();
            let values = values.map(|(index, element)| from_value(element, &path.element(index), room));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
    })
}

fn one_less(room: usize, path: &FieldPath<'_>) -> Result<usize, Fault> {
    room.checked_sub(1).ok_or_else(|| {
        let message =
            format!("it is nested too deep; make it flatter, or raise --max-payload-depth (at most {MOST_NESTED})");
        invalid(path, message)
    })
}

fn invalid(path: &FieldPath<'_>, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, path.to_string(), message)
}

/// In which form a client wants payloads.
///
/// # Errors
/// If there is no such form.
pub fn parse_payload_format(number: i32) -> Result<PayloadFormat, Fault> {
    PayloadFormat::try_from(number).map_err(|_| {
        let message = format!("there is no format {number}; send PAYLOAD_FORMAT_STRUCT or PAYLOAD_FORMAT_JSON");
        Fault::new(Reason::InvalidArgument, "payload_format", message)
    })
}

/// A stored payload, as the fields of a message have it. An empty one is absent.
#[derive(Debug, Default, PartialEq)]
pub struct Returned {
    pub payload: Option<Struct>,
    pub payload_json: String,
    /// The top-level fields that the Struct doesn't hold exactly.
    pub inexact_fields: Vec<String>,
}

impl Returned {
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
                    let value = to_value(value, MOST_NESTED - 1, &mut is_exact);
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

/// `room` is how many levels there may be below.
fn to_value(value: Value, room: usize, is_exact: &mut bool) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => {
            *is_exact &= number.is_f64() || number.as_i64().is_some_and(json::is_exact);
            // Every number of JSON is a double, if it is rounded.
            Kind::NumberValue(number.as_f64().unwrap_or_default())
        }
        Value::String(text) => Kind::StringValue(text),
        // A client's decoder would refuse the whole message.
        nested @ (Value::Array(_) | Value::Object(_)) if room == 0 => {
            *is_exact = false;
            Kind::StringValue(nested.to_string())
        }
        Value::Array(values) => {
            let values = values.into_iter().map(|value| to_value(value, room - 1, is_exact));
            Kind::ListValue(ListValue { values: values.collect() })
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, to_value(value, room - 1, is_exact)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const LIMITS: PayloadLimits = PayloadLimits { bytes: 1 << 20, depth: MOST_NESTED };

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", json::number).prop_map(Value::Number),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn of_struct(fields: Struct) -> Result<Payload, Fault> {
        parse_payload(Some(fields), "", LIMITS)
    }

    fn of_json(text: &str) -> Result<Payload, Fault> {
        parse_payload(None, text, LIMITS)
    }

    fn to_struct(fields: Value) -> Struct {
        let Value::Object(fields) = fields else { panic!("no object") };
        Returned::new(fields, PayloadFormat::Struct).payload.unwrap_or_default()
    }

    proptest! {
        /// Law: as JSON, every payload comes back as it was. As a Struct it does too, but for the fields that are named.
        #[test]
        fn comes_back_as_it_was(fields in prop::collection::btree_map(".{1,6}", any_json(), 1..4)) {
            let fields: Payload = fields.into_iter().filter(|(name, _)| !name.starts_with(RESERVED_PREFIX)).collect();
            let text = Returned::new(fields.clone(), PayloadFormat::Json).payload_json;
            prop_assert_eq!(of_json(&text).unwrap(), fields.clone());
            let Returned { payload, inexact_fields, .. } = Returned::new(fields.clone(), PayloadFormat::Struct);
            let mut back = of_struct(payload.unwrap_or_default()).unwrap();
            let mut expected = fields;
            for name in &inexact_fields {
                prop_assert_ne!(back.remove(name), expected.remove(name));
            }
            prop_assert_eq!(back, expected);
        }

        /// Law: both forms of a payload are stored alike.
        #[test]
        fn both_forms_are_one_payload(double: f64, whole in -(1_i64 << 53)..=1 << 53) {
            let fields = |number: f64| Struct {
                fields: [("n".to_owned(), prost_types::Value { kind: Some(Kind::NumberValue(number)) })].into(),
            };
            if double.is_finite() {
                for written in [format!("{double:e}"), format!("{double:.1}")] {
                    let stored = of_json(&format!("{{\"n\": {written}}}")).unwrap();
                    prop_assert_eq!(stored, of_struct(fields(written.parse().unwrap())).unwrap(), "{}", written);
                }
            }
            let stored = of_json(&format!("{{\"n\": {whole}}}")).unwrap();
            prop_assert_eq!(stored, of_struct(fields(whole as f64)).unwrap());
        }
    }

    #[test]
    fn refuses_by_path() {
        let mut deep = Value::Null;
        for _ in 0..=MOST_NESTED {
            deep = json!({ "in": deep });
        }
        let refused = |text: &str| {
            let fault = of_json(text).unwrap_err();
            (fault.field, fault.message)
        };
        assert!(refused(&deep.to_string()).0.starts_with("payload.in.in"));
        for (text, field, problem) in [
            (r#"{"_splade_key": null}"#, "payload._splade_key", "reserved"),
            (r#"{"a": [1, 9223372036854775808]}"#, "payload.a[1]", "9223372036854775808 is beyond 2^63 - 1"),
            (r#"{"a": [1, 18446744073709551616]}"#, "payload.a[1]", "does not fit 64 bits"),
            (r#"{"a": {"b": 1, "b": 1}}"#, "payload.a.b", "is there twice"),
            (r#"{"a": NaN}"#, "payload.a", "expected value"),
            ("[]", "payload", "a list, not a JSON object"),
            ("null", "payload", "null, not a JSON object"),
            (" ", "payload", "EOF"),
        ] {
            let found = refused(text);
            assert_eq!(found.0, field, "{text}: {}", found.1);
            assert!(found.1.contains(problem), "{text}: {}", found.1);
        }
        let not_a_number = prost_types::Value { kind: Some(Kind::NumberValue(f64::NAN)) };
        let fields = Struct { fields: [("x".to_owned(), not_a_number)].into() };
        assert_eq!(of_struct(fields).unwrap_err().field, "payload.x");
        assert_eq!(parse_payload(Some(Struct::default()), "{}", LIMITS).unwrap_err().field, "payload_json");
        assert_eq!(parse_payload_format(7).unwrap_err().field, "payload_format");
    }

    #[test]
    fn holds_both_forms_to_one_bound() {
        let fields = json!({ "a": { "b": [1] } });
        let text = "{ \"a\" : { \"b\" : [ 1.0 ] } }";
        let bytes = fields.to_string().len();
        for (depth, bytes, problem) in [
            (3, bytes, None),
            (3, bytes - 1, Some(("payload", "--max-payload-bytes"))),
            (2, bytes, Some(("payload.a.b", "--max-payload-depth"))),
        ] {
            let limits = PayloadLimits { bytes, depth };
            let of_struct = parse_payload(Some(to_struct(fields.clone())), "", limits);
            for payload in [of_struct, parse_payload(None, text, limits)] {
                let Some((field, part)) = problem else {
                    assert_eq!(Value::Object(payload.unwrap()), fields);
                    continue;
                };
                let fault = payload.unwrap_err();
                assert_eq!(fault.field, field);
                assert!(fault.message.contains(part), "{fault}");
            }
        }
    }

    #[test]
    fn what_a_struct_cannot_hold_is_named() {
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        let stored = json!({ "exact": [1_i64 << 53, 0.1], "large": { "n": [9_007_199_254_740_993_i64] }, "deep": deep, "max": i64::MAX });
        let Value::Object(stored) = stored else { panic!("no object") };
        let Returned { payload, payload_json, mut inexact_fields } = Returned::new(stored, PayloadFormat::Unspecified);
        inexact_fields.sort_unstable();
        assert_eq!((inexact_fields, payload_json.as_str()), (["deep", "large", "max"].map(str::to_owned).to_vec(), ""));
        // Every decoder takes it.
        let wire = prost::Message::encode_to_vec(&payload.unwrap());
        <Struct as prost::Message>::decode(wire.as_slice()).unwrap();
        assert_eq!(Returned::new(Payload::new(), PayloadFormat::Json), Returned::default());
    }
}
