//! Decoding of timestamps.

use std::fmt;

use prost::Message;
use prost_types::Timestamp;
use serde::de::{Error, Visitor};

/// Decodes `google.protobuf.Timestamp` from an RFC 3339 string.
pub struct TimestampVisitor<'a>(pub &'a mut Vec<u8>);

impl Visitor<'_> for TimestampVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a time such as \"1972-01-01T10:00:20Z\"")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let time: Timestamp =
            value.parse().map_err(|error| E::custom(format!("'{value}' is not an RFC 3339 time: {error}")))?;
        time.encode(self.0).map_err(E::custom)
    }
}
