//! `payload_format`: format of payloads in responses.

use crate::grpc::errors::invalid_argument;
use crate::proto::PayloadFormat;
use crate::types::ApiError;

/// Parses `payload_format`.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is not a value of the enum.
pub fn parse_payload_format(number: i32) -> Result<PayloadFormat, ApiError> {
    PayloadFormat::try_from(number).map_err(|_| {
        let message =
            format!("{number} is not a value of PayloadFormat; send PAYLOAD_FORMAT_STRUCT or PAYLOAD_FORMAT_JSON");
        invalid_argument("payload_format", message)
    })
}
