//! One method: its HTTP requests to gRPC, and its responses back.

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

use super::answer::{Lines as AnswerLines, NDJSON, one};
use super::error::Refusal;
use super::frames::{Messages, framed};
use super::json_decode::read;
use super::lines::Lines;
use super::method::{Item, Kind, Method};
use super::offload::offload;
use super::parameters::Parameters;
use super::payload::ask_for_json;
use super::request_body::RequestBody;
use super::upload::{Refused, Upload};
use crate::grpc::deadline::deadline;
use crate::types::{Fault, Reason};

/// Headers that the services get: who calls, for how long, and in which trace.
const PASSED_ON: [HeaderName; 5] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

const JSON: &str = "application/json";
/// Media types of lines of JSON; there is no standard one.
const LINES: [&str; 4] = [NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// tonic has a timer for `grpc-timeout` too, and would respond with a status of gRPC.
const BEFORE_TONIC: Duration = Duration::from_millis(5);

/// Transcodes the calls of one method.
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

    /// Serves a request.
    pub async fn answer(&self, request: Request) -> Response {
        let deadline = deadline(&MetadataMap::from_headers(request.headers().clone()));
        let exchange = self.exchange(request);
        let answer = match deadline {
            None => exchange.await,
            Some(at) => {
                let at = at.checked_sub(BEFORE_TONIC).unwrap_or_else(Instant::now);
                timeout_at(at, exchange).await.unwrap_or_else(|_| Err(too_late().into()))
            }
        };
        answer.unwrap_or_else(IntoResponse::into_response)
    }

    async fn exchange(&self, request: Request) -> Result<Response, Refusal> {
        self.check_media_type(request.headers())?;
        let headers = passed_on(request.headers());
        let (input, output) = (self.method.descriptor.input(), self.method.descriptor.output());
        match &self.method.kind {
            Kind::Unary => {
                let body = whole(RequestBody::new(request), input, self.max_message_bytes);
                one(self.call(headers, body).await, output).await
            }
            Kind::Stream { options, item } => {
                let query = request.uri().query().unwrap_or_default().to_owned();
                let parameters = Parameters::read(&query, options).map_err(Status::from);
                let refused = Refused::default();
                let (continued, is_continued) = oneshot::channel();
                let upload = self.upload(request, item, &refused, continued);
                let messages = self.call(headers, upload.body(parameters)).await;
                AnswerLines { descriptor: output, refused }.respond(messages, is_continued).await
            }
        }
    }

    fn upload(&self, request: Request, item: &Item, refused: &Refused, continued: oneshot::Sender<()>) -> Upload {
        let max_message_bytes = self.max_message_bytes;
        let continued = request.headers().contains_key(EXPECT).then_some(continued);
        let lines = Lines::new(RequestBody::new(request), max_message_bytes);
        let (item, refused) = (item.clone(), refused.clone());
        Upload { lines, item, refused, max_message_bytes, next_sequence: 1, continued }
    }

    /// Calls the service, as a gRPC client does.
    async fn call(&self, headers: HeaderMap, body: Body) -> Messages {
        let mut request = Request::new(body);
        *request.method_mut() = Verb::POST;
        *request.uri_mut() = self.method.grpc_path.parse().unwrap_or_default();
        *request.headers_mut() = headers;
        let response = Service::call(&mut self.grpc.clone(), request).await;
        Messages::new(response.unwrap_or_else(|never| match never {}))
    }

    /// A page of another origin can't send these types without a preflight request, which is refused. Curl sends files
    /// without a type, and a page of another origin would name its origin.
    fn check_media_type(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(unsupported("bodies are not taken compressed; send it as it is, without content-encoding"));
        }
        let found = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
        let found = found.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let (expected, taken) = match (&self.method.kind, found.as_deref()) {
            (Kind::Unary, found) => (JSON, found == Some(JSON)),
            (Kind::Stream { .. }, Some(found)) => (NDJSON, LINES.contains(&found)),
            (Kind::Stream { .. }, None) => (NDJSON, !headers.contains_key(ORIGIN)),
        };
        if taken {
            return Ok(());
        }
        let found = found.map_or("there is no content-type".to_owned(), |found| format!("content-type is `{found}`"));
        Err(unsupported(format!("{found}; send `content-type: {expected}`")))
    }
}

/// Returns the body of a call with one message. The request is read when the body is.
fn whole(body: RequestBody, descriptor: MessageDescriptor, max: usize) -> Body {
    let message = async move {
        let json = body.all(max).await?;
        let bytes = json.len();
        let to_wire = move |wire: &mut Vec<u8>| {
            read(&descriptor, &json, wire).map_err(Status::from)?;
            ask_for_json(&descriptor, wire);
            Ok(())
        };
        offload(bytes, move || framed(max, to_wire)).await?
    };
    Body::from_stream(stream::once(message))
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut passed_on = HeaderMap::new();
    for name in PASSED_ON {
        for value in headers.get_all(&name) {
            passed_on.append(name.clone(), value.clone());
        }
    }
    passed_on.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    passed_on.insert(TE, HeaderValue::from_static("trailers"));
    passed_on
}

fn too_late() -> Status {
    let message = "the call's deadline passed; send it again, with more time";
    Status::from(Fault::new(Reason::Cancelled, "", message))
}

fn unsupported(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Status::new(Code::InvalidArgument, message))
}
