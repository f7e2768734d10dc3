//! The form in which payloads are returned.

use crate::grpc::errors::invalid_argument;
use crate::proto::PayloadFormat;
use crate::types::ApiError;

/// Parses `payload_format`.
///
/// # Errors
/// If there is no such form.
pub fn parse_payload_format(number: i32) -> Result<PayloadFormat, ApiError> {
    PayloadFormat::try_from(number).map_err(|_| {
        let message = format!("there is no format {number}; send PAYLOAD_FORMAT_STRUCT or PAYLOAD_FORMAT_JSON");
        invalid_argument("payload_format", message)
    })
}
