//! Encoder from the protobuf wire format to JSON, in one pass (for the reason given in [`super::json_decode`]): responses of
//! unary calls, lines of streams, and errors.

mod message;
mod scalar;
mod well_known;
mod wire_value;

use prost_reflect::MessageDescriptor;
use tonic::Status;

use super::internal_error::internal_error;
use wire_value::{EncodeError, decode_fields};

/// Returns a message as JSON.
///
/// # Errors
/// `INTERNAL` if `wire` is not a valid message of this type, which would be a bug.
pub fn encode_message(descriptor: &MessageDescriptor, wire: &[u8]) -> Result<Vec<u8>, Status> {
    // JSON is usually about twice as large as the wire format.
    let mut json = Vec::with_capacity(2 * wire.len());
    message::write_message(descriptor, wire, &mut json).map_err(to_internal_error)?;
    Ok(json)
}

/// Returns whether a field of type message is set.
///
/// # Errors
/// `INTERNAL` if `wire` is not a valid message, which would be a bug.
pub fn has_message_field(descriptor: &MessageDescriptor, wire: &[u8]) -> Result<bool, Status> {
    let is_message = |number| descriptor.get_field(number).is_some_and(|field| field.kind().as_message().is_some());
    let fields = decode_fields(wire).map_err(to_internal_error)?;
    Ok(fields.into_iter().any(|(number, _)| is_message(number)))
}

fn to_internal_error(error: EncodeError) -> Status {
    internal_error(format!("the response can't be encoded as JSON: {error}"))
}
