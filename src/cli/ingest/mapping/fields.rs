//! What a record holds.

use serde_json::{Map, Value};

/// What a line or row holds, by name.
pub type Fields = Map<String, Value>;
