//! Messages that have a JSON of their own: payloads, and times.

use std::fmt;

use bytes::BufMut;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::nested;

/// `google.protobuf.Struct`: any object.
pub struct StructVisitor<'a>(pub &'a mut Vec<u8>);

impl<'de> Visitor<'de> for StructVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            nested(1, self.0, |wire| {
                text(1, &name, wire);
                nested(2, wire, |wire| map.next_value_seed(ValueVisitor(wire)))
            })?;
        }
        Ok(())
    }
}

/// `google.protobuf.Value`: any JSON.
struct ValueVisitor<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for ValueVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        encode_key(1, WireType::Varint, self.0);
        encode_varint(0, self.0);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        encode_key(4, WireType::Varint, self.0);
        encode_varint(value.into(), self.0);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        encode_key(2, WireType::SixtyFourBit, self.0);
        self.0.put_f64_le(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        text(3, value, self.0);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        nested(5, self.0, |wire| StructVisitor(wire).visit_map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        nested(6, self.0, |wire| {
            // Each element has a key before it, so it is read where it may be taken back.
            loop {
                let begin = wire.len();
                let mut more = false;
                nested(1, wire, |wire| {
                    more = list.next_element_seed(ValueVisitor(wire))?.is_some();
                    Ok(())
                })?;
                if !more {
                    wire.truncate(begin);
                    return Ok(());
                }
            }
        })
    }
}

/// `google.protobuf.Timestamp`: as RFC 3339 writes it.
pub struct TimestampVisitor<'a>(pub &'a mut Vec<u8>);

impl Visitor<'_> for TimestampVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a time such as \"1972-01-01T10:00:20Z\"")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let time: Timestamp =
            value.parse().map_err(|error| E::custom(format!("'{value}' is no time: {error}; send one of RFC 3339")))?;
        time.encode(self.0).map_err(E::custom)
    }
}

fn text(number: u32, text: &str, wire: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, wire);
    encode_varint(text.len() as u64, wire);
    wire.put_slice(text.as_bytes());
}
