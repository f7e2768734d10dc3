//! The query of a stream's URL: each of its options is a parameter.
//!
//! `?collection=docs&create_collection=true&text_key=body`; what is a message in the contract is JSON here.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::json;
use crate::types::{Fault, Reason};

/// A parameter that is no option of the stream: give only the results of what was refused, and how far the stream came.
pub const ONLY_REJECTED: &str = "only_rejected";

/// What a URL asks for.
#[derive(Debug)]
pub struct Parameters {
    /// The message that they are.
    pub options: Bytes,
    pub only_rejected: bool,
}

impl Parameters {
    /// Reads a query.
    ///
    /// # Errors
    /// By its name, a parameter that there is not, that is there twice, or that is not of its kind.
    pub fn read(query: &str, options: &MessageDescriptor) -> Result<Self, Fault> {
        let mut values = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, text) = (decoded(name)?, decoded(text)?);
            let value = match options.get_field_by_name(&name).or_else(|| options.get_field_by_json_name(&name)) {
                Some(field) => value(&field, &name, text)?,
                None if name == ONLY_REJECTED => boolean(&name, &text)?,
                None => {
                    return Err(invalid(&name, "there is no such parameter; /openapi.json lists those that there are"));
                }
            };
            if values.insert(name.clone(), value).is_some() {
                return Err(invalid(&name, "the parameter is there twice; send it once"));
            }
        }
        let only_rejected = values.remove(ONLY_REJECTED) == Some(Value::Bool(true));
        let mut wire = Vec::new();
        json::read(options, json!(values).to_string().as_bytes(), &mut wire)?;
        Ok(Self { options: wire.into(), only_rejected })
    }
}

/// A parameter's value as the JSON that it is short for.
fn value(field: &FieldDescriptor, name: &str, text: String) -> Result<Value, Fault> {
    match field.kind() {
        Kind::Message(_) => serde_json::from_str(&text).map_err(|error| {
            invalid(name, format!("it is no JSON: {error}; send an object such as {{}}, URL-encoded"))
        }),
        Kind::Bool => boolean(name, &text),
        // By its number, if it is one.
        Kind::Enum(_) => Ok(text.parse::<i32>().map_or(Value::String(text), Value::from)),
        // Numbers may be strings.
        _ => Ok(Value::String(text)),
    }
}

fn boolean(name: &str, text: &str) -> Result<Value, Fault> {
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(invalid(name, format!("it is `{text}`; send true or false"))),
    }
}

/// What an `application/x-www-form-urlencoded` name or value stands for.
fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let escaped = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                escaped.ok_or_else(|| invalid("", "a % in the query has no two digits after it; send %25 for a %"))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|error| invalid("", format!("the query is no UTF-8: {error}")))
}

fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

#[cfg(test)]
mod tests {
    use super::super::contract::pool;
    use super::*;

    fn descriptor() -> MessageDescriptor {
        pool().get_message_by_name("splade.v1.IngestOptions").unwrap()
    }

    fn read(query: &str) -> Result<Parameters, Fault> {
        Parameters::read(query, &descriptor())
    }

    fn written(options: &Bytes) -> Value {
        serde_json::from_slice(&json::write(&descriptor(), options).unwrap()).unwrap()
    }

    #[test]
    fn options_are_parameters_by_either_name() {
        let query = "collection=d%2Eocs&create_collection=true&long_text=LONG_TEXT_WINDOW&window_overlap=8&textKey=a+b\
                     &pruning=%7B%22max_terms%22%3A%2064%7D&only_rejected=true&";
        let Parameters { options, only_rejected } = read(query).unwrap();
        assert!(only_rejected);
        assert_eq!(
            written(&options),
            serde_json::json!({
                "collection": "d.ocs", "model": "", "create_collection": true, "long_text": "LONG_TEXT_WINDOW",
                "pruning": {"max_terms": 64, "min_weight": 0.0, "weight_share": 0.0}, "text_key": "a b", "batch_points": 0,
                "window_overlap": 8, "skip_unchanged": false, "ignore_fingerprint": false
            })
        );
        assert!(!read("").unwrap().only_rejected);
        let by_number = read("long_text=3").unwrap().options;
        assert_eq!(written(&by_number)["long_text"], "LONG_TEXT_WINDOW");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field, problem) in [
            ("colection=docs", "colection", "no such parameter"),
            ("model=a&model=b", "model", "there twice"),
            ("skip_unchanged=yes", "skip_unchanged", "send true or false"),
            ("skip_unchanged", "skip_unchanged", "send true or false"),
            ("batch_points=many", "batch_points", "'many' is no integer"),
            ("long_text=ALL", "long_text", "unrecognized enum value 'ALL'"),
            ("pruning=64", "pruning", "invalid type"),
            ("pruning=%7B", "pruning", "no JSON"),
            ("pruning=%7B%22max%22:1%7D", "pruning.max", "unrecognized field name 'max'"),
            ("model=%2", "", "no two digits"),
            ("model=%ff", "", "no UTF-8"),
        ] {
            let fault = read(query).unwrap_err();
            assert_eq!(fault.field, field, "{query}: {fault}");
            assert!(fault.message.contains(problem), "{query}: {fault}");
        }
    }
}
