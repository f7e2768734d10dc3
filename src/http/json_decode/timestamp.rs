//! Times, which are strings in JSON.

use std::fmt;

use prost::Message;
use prost_types::Timestamp;
use serde::de::{Error, Visitor};

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
