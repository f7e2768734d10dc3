//! Transcoding of the calls of one method: HTTP requests to gRPC, and gRPC responses to HTTP.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderName, ORIGIN, TE};
use axum::http::{HeaderMap, HeaderValue, Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use prost_reflect::MessageDescriptor;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::codegen::Service;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::error::HttpError;
use super::frames::{ResponseMessages, encode_frame};
use super::json_decode::decode_message;
use super::lines::BodyLineReader;
use super::method::{Method, MethodKind, StreamItem};
use super::offload::offload;
use super::parameters::StreamParameters;
use super::payload::request_json_payloads;
use super::request_body::RequestBody;
use super::response::{LineResponder, NDJSON, build_unary_response};
use super::upload::{RejectedLines, Upload};
use crate::grpc::deadline::parse_deadline;
use crate::types::{ApiError, ErrorReason};

/// Headers that are forwarded to the services: credentials, timeout and trace context.
const FORWARDED_HEADERS: [HeaderName; 5] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

const JSON_TYPE: &str = "application/json";
/// Accepted media types of newline-delimited JSON, which has no registered type.
const NDJSON_TYPES: [&str; 4] = [NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// Time by which the gateway's timer for `grpc-timeout` is ahead of tonic's, whose response would have a gRPC status.
const TONIC_TIMER_MARGIN: Duration = Duration::from_millis(5);

/// Handler of the HTTP requests of one method.
#[derive(Debug)]
pub struct Transcoder {
    method: Method,
    grpc: Router,
    max_message_bytes: usize,
}

impl Transcoder {
    pub fn new(method: Method, grpc: Router, max_message_bytes: usize) -> Self {
        Self { method, grpc, max_message_bytes }
    }

    /// Handles a request.
    pub async fn handle(&self, request: Request) -> Response {
        let deadline = parse_deadline(&MetadataMap::from_headers(request.headers().clone()));
        let transcoding = self.transcode(request);
        let response = match deadline {
            None => transcoding.await,
            Some(deadline) => {
                let gateway_deadline = deadline.checked_sub(TONIC_TIMER_MARGIN).unwrap_or_else(Instant::now);
                timeout_at(gateway_deadline, transcoding)
                    .await
                    .unwrap_or_else(|_| Err(deadline_exceeded_status().into()))
            }
        };
        response.unwrap_or_else(IntoResponse::into_response)
    }

    async fn transcode(&self, request: Request) -> Result<Response, HttpError> {
        self.check_media_type(request.headers())?;
        let headers = forward_headers(request.headers());
        let (input, output) = (self.method.descriptor.input(), self.method.descriptor.output());
        match &self.method.kind {
            MethodKind::Unary => {
                let body = build_unary_body(RequestBody::new(request), input, self.max_message_bytes);
                build_unary_response(self.call(headers, body).await, output).await
            }
            MethodKind::Stream { options, item } => {
                let query = request.uri().query().unwrap_or_default().to_owned();
                let parameters = StreamParameters::parse(&query, options).map_err(Status::from);
                let rejected_lines = RejectedLines::default();
                let (continue_sender, continue_receiver) = oneshot::channel();
                let upload = self.build_upload(request, item, &rejected_lines, continue_sender);
                let messages = self.call(headers, upload.body(parameters)).await;
                LineResponder { descriptor: output, rejected_lines }.respond(messages, continue_receiver).await
            }
        }
    }

    fn build_upload(
        &self,
        request: Request,
        item: &StreamItem,
        rejected_lines: &RejectedLines,
        continue_sender: oneshot::Sender<()>,
    ) -> Upload {
        let max_message_bytes = self.max_message_bytes;
        let continue_sender = request.headers().contains_key(EXPECT).then_some(continue_sender);
        let lines = BodyLineReader::new(RequestBody::new(request), max_message_bytes);
        let (item, rejected_lines) = (item.clone(), rejected_lines.clone());
        Upload { lines, item, rejected_lines, max_message_bytes, next_sequence: 1, continue_sender }
    }

    /// Calls the service with a gRPC request.
    async fn call(&self, headers: HeaderMap, body: Body) -> ResponseMessages {
        let mut request = Request::new(body);
        *request.method_mut() = Verb::POST;
        *request.uri_mut() = self.method.grpc_path.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        let response = Service::call(&mut self.grpc.clone(), request).await;
        ResponseMessages::new(response.unwrap_or_else(|never| match never {}))
    }

    /// Checks the media type of the body.
    ///
    /// This also protects against cross-site requests: a page of another origin can't send these media types without a preflight
    /// request, which is refused. A stream without a media type is accepted (curl sends files that way) unless the request has an
    /// `origin` header, which browsers set.
    fn check_media_type(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(unsupported_media_type_error(
                "compressed bodies are not supported; send the body uncompressed, without `content-encoding`",
            ));
        }
        let content_type = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
        let media_type =
            content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let (expected, is_supported) = match (&self.method.kind, media_type.as_deref()) {
            (MethodKind::Unary, found) => (JSON_TYPE, found == Some(JSON_TYPE)),
            (MethodKind::Stream { .. }, Some(found)) => (NDJSON, NDJSON_TYPES.contains(&found)),
            (MethodKind::Stream { .. }, None) => (NDJSON, !headers.contains_key(ORIGIN)),
        };
        if is_supported {
            return Ok(());
        }
        let actual =
            media_type.map_or("content-type is missing".to_owned(), |found| format!("content-type is `{found}`"));
        Err(unsupported_media_type_error(format!("{actual}; send `content-type: {expected}`")))
    }
}

/// Returns the body of a unary gRPC call. The HTTP request is read when the service reads this body.
fn build_unary_body(body: RequestBody, descriptor: MessageDescriptor, max_bytes: usize) -> Body {
    let message = async move {
        let json = body.read_all(max_bytes).await?;
        let bytes = json.len();
        let write_message = move |wire: &mut Vec<u8>| {
            decode_message(&descriptor, &json, wire).map_err(Status::from)?;
            request_json_payloads(&descriptor, wire);
            Ok(())
        };
        offload(bytes, move || encode_frame(max_bytes, write_message)).await?
    };
    Body::from_stream(stream::once(message))
}

fn forward_headers(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = HeaderMap::new();
    for name in FORWARDED_HEADERS {
        for value in headers.get_all(&name) {
            forwarded.append(name.clone(), value.clone());
        }
    }
    forwarded.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    // Required by gRPC over HTTP/2.
    forwarded.insert(TE, HeaderValue::from_static("trailers"));
    forwarded
}

fn deadline_exceeded_status() -> Status {
    let message = "the deadline of the call passed; send the call again, with a longer `grpc-timeout`";
    Status::from(ApiError::new(ErrorReason::Cancelled, "", message))
}

fn unsupported_media_type_error(message: impl Into<String>) -> HttpError {
    HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Status::new(Code::InvalidArgument, message))
}
