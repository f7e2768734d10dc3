//! What requests ask for, checked and with its defaults.

use crate::catalog::Accept;
use crate::proto;
use crate::types::{DEFAULT_TEXT_FIELD, Fault, RESERVED_PREFIX, Reason, Role};

/// Maximum length of the name of a vector, a field or a shard key, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
const DEFAULT_BATCH_POINTS: u32 = 1_000;
/// Maximum number of points per upsert.
pub const MAX_BATCH_POINTS: u32 = 10_000;

pub fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

/// Options in a message of a stream that is not its first.
pub fn late_options() -> Fault {
    invalid("options", "options are allowed in the first message of a stream only; omit them from later messages")
}

/// Whether a collection that another encoder wrote is taken.
pub fn accept(ignore_fingerprint: bool) -> Accept {
    if ignore_fingerprint { Accept::AnyEncoder } else { Accept::SameEncoder }
}

/// # Errors
/// If the value is none of the contract's.
pub fn parse_role(value: i32) -> Result<Role, Fault> {
    match proto::Role::try_from(value) {
        Ok(proto::Role::Unspecified | proto::Role::Document) => Ok(Role::Document),
        Ok(proto::Role::Query) => Ok(Role::Query),
        Err(_) => Err(invalid("role", format!("{value} is not a value of Role; use one that is"))),
    }
}

/// Returns the payload field that stores the text; empty to store none.
///
/// # Errors
/// If the name is too long or reserved.
pub fn parse_text_field(name: Option<String>) -> Result<String, Fault> {
    let name = name.unwrap_or_else(|| DEFAULT_TEXT_FIELD.to_owned());
    if name.len() > MAX_NAME_BYTES {
        let message = format!("it has {} bytes; send at most {MAX_NAME_BYTES}", name.len());
        return Err(invalid("text_field", message));
    }
    if name.starts_with(RESERVED_PREFIX) {
        let message = format!("names that begin with `{RESERVED_PREFIX}` are reserved; use another");
        return Err(invalid("text_field", message));
    }
    Ok(name)
}

/// Returns the maximum number of points per upsert.
///
/// # Errors
/// If it is out of bounds.
pub fn parse_batch_points(points: u32) -> Result<usize, Fault> {
    match points {
        0 => Ok(DEFAULT_BATCH_POINTS as usize),
        1..=MAX_BATCH_POINTS => Ok(points as usize),
        _ => {
            Err(invalid("batch_points", format!("it is {points}; send 1 to {MAX_BATCH_POINTS}, or 0 for the default")))
        }
    }
}
