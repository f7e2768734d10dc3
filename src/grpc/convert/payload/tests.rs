use proptest::prelude::*;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Value, json};

use super::*;
use crate::grpc::limits::MAX_PAYLOAD_DEPTH;
use crate::json;
use crate::proto::PayloadFormat;
use crate::types::{ApiError, Payload, RESERVED_PREFIX};

const LIMITS: PayloadLimits = PayloadLimits { max_bytes: 1 << 20, max_depth: MAX_PAYLOAD_DEPTH };

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", json::number_from_f64).prop_map(Value::Number),
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

fn of_struct(fields: Struct) -> Result<Payload, ApiError> {
    parse_payload(Some(fields), "", LIMITS)
}

fn of_json(text: &str) -> Result<Payload, ApiError> {
    parse_payload(None, text, LIMITS)
}

fn to_struct(fields: Value) -> Struct {
    let Value::Object(fields) = fields else { panic!("no object") };
    PayloadFields::new(fields, PayloadFormat::Struct).payload.unwrap_or_default()
}

proptest! {
    /// Law: every payload round-trips unchanged as JSON, and as a Struct except for the fields in `inexact_fields`.
    #[test]
    fn payloads_round_trip(fields in prop::collection::btree_map(".{1,6}", any_json(), 1..4)) {
        let fields: Payload = fields.into_iter().filter(|(name, _)| !name.starts_with(RESERVED_PREFIX)).collect();
        let text = PayloadFields::new(fields.clone(), PayloadFormat::Json).payload_json;
        prop_assert_eq!(of_json(&text).unwrap(), fields.clone());
        let PayloadFields { payload, inexact_fields, .. } = PayloadFields::new(fields.clone(), PayloadFormat::Struct);
        let mut back = of_struct(payload.unwrap_or_default()).unwrap();
        let mut expected = fields;
        for name in &inexact_fields {
            prop_assert_ne!(back.remove(name), expected.remove(name));
        }
        prop_assert_eq!(back, expected);
    }

    /// Law: both formats of a payload are stored as the same JSON.
    #[test]
    fn both_formats_are_stored_alike(double: f64, whole in -(1_i64 << 53)..=1 << 53) {
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
fn errors_name_the_path() {
    let mut deep = Value::Null;
    for _ in 0..=MAX_PAYLOAD_DEPTH {
        deep = json!({ "in": deep });
    }
    let refused = |text: &str| {
        let error = of_json(text).unwrap_err();
        (error.field, error.message)
    };
    assert!(refused(&deep.to_string()).0.starts_with("payload.in.in"));
    for (text, field, problem) in [
        (r#"{"_splade_key": null}"#, "payload._splade_key", "reserved"),
        (r#"{"a": [1, 9223372036854775808]}"#, "payload.a[1]", "9223372036854775808 is greater than 2^63 - 1"),
        (r#"{"a": [1, 18446744073709551616]}"#, "payload.a[1]", "does not fit 64 bits"),
        (r#"{"a": {"b": 1, "b": 1}}"#, "payload.a.b", "duplicate key `b`"),
        (r#"{"a": NaN}"#, "payload.a", "expected value"),
        ("[]", "payload", "expected a JSON object, found a list"),
        ("null", "payload", "expected a JSON object, found null"),
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
fn limits_apply_to_both_formats() {
    let fields = json!({ "a": { "b": [1] } });
    let text = "{ \"a\" : { \"b\" : [ 1.0 ] } }";
    let bytes = fields.to_string().len();
    for (depth, bytes, problem) in [
        (3, bytes, None),
        (3, bytes - 1, Some(("payload", "--max-payload-bytes"))),
        (2, bytes, Some(("payload.a.b", "--max-payload-depth"))),
    ] {
        let limits = PayloadLimits { max_bytes: bytes, max_depth: depth };
        let of_struct = parse_payload(Some(to_struct(fields.clone())), "", limits);
        for payload in [of_struct, parse_payload(None, text, limits)] {
            let Some((field, part)) = problem else {
                assert_eq!(Value::Object(payload.unwrap()), fields);
                continue;
            };
            let error = payload.unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.message.contains(part), "{error}");
        }
    }
}

#[test]
fn inexact_fields_of_a_struct_are_named() {
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    let stored = json!({ "exact": [1_i64 << 53, 0.1], "large": { "n": [9_007_199_254_740_993_i64] }, "deep": deep, "max": i64::MAX });
    let Value::Object(stored) = stored else { panic!("no object") };
    let PayloadFields { payload, payload_json, mut inexact_fields } =
        PayloadFields::new(stored, PayloadFormat::Unspecified);
    inexact_fields.sort_unstable();
    assert_eq!((inexact_fields, payload_json.as_str()), (["deep", "large", "max"].map(str::to_owned).to_vec(), ""));
    // The nesting is within the limit of decoders.
    let wire = prost::Message::encode_to_vec(&payload.unwrap());
    <Struct as prost::Message>::decode(wire.as_slice()).unwrap();
    assert_eq!(PayloadFields::new(Payload::new(), PayloadFormat::Json), PayloadFields::default());
}
