//! The form in which payloads are returned.

use crate::grpc::faults::invalid;
use crate::proto::PayloadFormat;
use crate::types::Fault;

/// Parses `payload_format`.
///
/// # Errors
/// If there is no such form.
pub fn parse_payload_format(number: i32) -> Result<PayloadFormat, Fault> {
    PayloadFormat::try_from(number).map_err(|_| {
        let message = format!("there is no format {number}; send PAYLOAD_FORMAT_STRUCT or PAYLOAD_FORMAT_JSON");
        invalid("payload_format", message)
    })
}
