//! Errors over HTTP: HTTP status of each gRPC code, and `google.rpc.Status` as JSON.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::contract::descriptor_pool;
use super::json_encode::encode_message;

/// HTTP status of a call that the client cancelled, by the convention of nginx.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Full name of the error message.
pub const STATUS_MESSAGE_NAME: &str = "google.rpc.Status";

/// Error response.
#[derive(Debug)]
pub struct HttpError {
    http_status: StatusCode,
    status: Status,
}

impl HttpError {
    pub fn new(http_status: StatusCode, status: Status) -> Self {
        Self { http_status, status }
    }
}

impl From<Status> for HttpError {
    fn from(status: Status) -> Self {
        Self { http_status: to_http_status(status.code()), status }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let Self { http_status, status } = self;
        let mut response = (http_status, encode_status(&status)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if http_status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(delay) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
            // `retry-after` has whole seconds: rounded up, so that clients don't retry too early.
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Returns the HTTP status of a code, according to `google/rpc/code.proto`.
fn to_http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Code::InvalidArgument | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
        // Differs from code.proto: tonic and this gateway use the code only for messages that are too large.
        Code::OutOfRange => StatusCode::PAYLOAD_TOO_LARGE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Returns `google.rpc.Status` as JSON: code, message and details, each with its type.
pub fn encode_status(status: &Status) -> Vec<u8> {
    let (code, message) = (status.code() as i32, status.message());
    let encode_without_details = || json!({ "code": code, "message": message, "details": [] }).to_string().into_bytes();
    // tonic itself returns statuses without details, for example for a message that is too large.
    encode_with_details(status).unwrap_or_else(encode_without_details)
}

/// Returns a status with its details as JSON; `None` if it has no details, or details of an unknown type.
fn encode_with_details(status: &Status) -> Option<Vec<u8>> {
    let descriptor = descriptor_pool().get_message_by_name(STATUS_MESSAGE_NAME)?;
    if status.details().is_empty() { None } else { encode_message(&descriptor, status.details()).ok() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prost_reflect::{DynamicMessage, SerializeOptions};
    use serde_json::Value;

    use super::*;
    use crate::types::{ApiError, ErrorReason};

    fn to_json(status: &Status) -> Value {
        serde_json::from_slice(&encode_status(status)).unwrap()
    }

    #[test]
    fn details_are_decoded() {
        let error = ApiError::new(ErrorReason::Overloaded, "documents", "server at capacity; retry later");
        let refused = Status::from(ApiError { retry_after: Some(Duration::from_millis(1_500)), ..error });
        let json = to_json(&refused);
        assert_eq!(json["code"], 8);
        assert_eq!(json["message"], "documents: server at capacity; retry later");
        let detail = |name: &str| {
            let kind = format!("type.googleapis.com/google.rpc.{name}");
            json["details"].as_array().unwrap().iter().find(|detail| detail["@type"] == kind).unwrap()
        };
        assert_eq!(detail("ErrorInfo")["reason"], "OVERLOADED");
        assert_eq!(detail("RetryInfo")["retry_delay"], "1.500s");
        assert_eq!(detail("BadRequest")["field_violations"][0]["field"], "documents");
        let response = HttpError::from(refused).into_response();
        assert_eq!(
            (response.status(), response.headers()["retry-after"].as_bytes()),
            (StatusCode::TOO_MANY_REQUESTS, &b"2"[..])
        );
    }

    #[test]
    fn reasons_have_their_http_status() {
        for (reason, expected) in [
            (ErrorReason::InvalidArgument, StatusCode::BAD_REQUEST),
            (ErrorReason::FingerprintMismatch, StatusCode::BAD_REQUEST),
            (ErrorReason::IncarnationMismatch, StatusCode::BAD_REQUEST),
            (ErrorReason::Unauthenticated, StatusCode::UNAUTHORIZED),
            (ErrorReason::CollectionNotFound, StatusCode::NOT_FOUND),
            (ErrorReason::CollectionExists, StatusCode::CONFLICT),
            (ErrorReason::Overloaded, StatusCode::TOO_MANY_REQUESTS),
            (ErrorReason::Internal, StatusCode::INTERNAL_SERVER_ERROR),
            (ErrorReason::Unimplemented, StatusCode::NOT_IMPLEMENTED),
            (ErrorReason::StreamIdle, StatusCode::SERVICE_UNAVAILABLE),
            (ErrorReason::StoreUnavailable, StatusCode::SERVICE_UNAVAILABLE),
            (ErrorReason::Cancelled, StatusCode::GATEWAY_TIMEOUT),
        ] {
            let response = HttpError::from(Status::from(ApiError::new(reason, "", "why"))).into_response();
            assert_eq!(response.status(), expected, "{reason:?}");
            let can_be_retried =
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&response.status());
            assert_eq!(response.headers().contains_key("retry-after"), can_be_retried, "{reason:?}");
        }
    }

    #[test]
    fn a_status_without_details_has_none() {
        let json = to_json(&Status::new(Code::NotFound, "there is none"));
        assert_eq!(json, serde_json::json!({ "code": 5, "message": "there is none", "details": [] }));
    }

    /// prost-reflect is an independent implementation of the mapping.
    #[test]
    fn details_equal_those_of_prost_reflect() {
        let with_delay = ApiError {
            retry_after: Some(Duration::from_millis(20)),
            ..ApiError::new(ErrorReason::Overloaded, "a.b", "é\"")
        };
        for error in [with_delay, ApiError::new(ErrorReason::InvalidArgument, "", "why")] {
            let status = Status::from(error);
            let descriptor = descriptor_pool().get_message_by_name(STATUS_MESSAGE_NAME).unwrap();
            let message = DynamicMessage::decode(descriptor, status.details()).unwrap();
            let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
            let mut expected = Vec::new();
            message.serialize_with_options(&mut serde_json::Serializer::new(&mut expected), &options).unwrap();
            assert_eq!(String::from_utf8(encode_status(&status)), String::from_utf8(expected));
        }
    }
}
