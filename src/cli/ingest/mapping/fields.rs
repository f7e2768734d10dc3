//! The fields of a record.

use serde_json::{Map, Value};

/// Values of a line or row by field name, in their original order.
pub type Fields = Map<String, Value>;
