//! Metrics and traces of all calls: duration, status code and span.
//!
//! See docs/adr/0049-layers-around-services.md.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use metrics::{counter, histogram};
use tokio::time::Instant;
use tonic::Code;
use tonic::service::Routes;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use crate::metrics as names;
use crate::proto;
use crate::trace;

/// Name of the trailer with the status of a call; a header if the response has no body.
const STATUS_HEADER: &str = "grpc-status";
/// Metric label of methods that don't exist. Clients choose these names, so they would be unbounded label values.
const UNKNOWN_METHOD: &str = "unknown";
/// Methods of the health and reflection services. They have no spans, because probes would drown the other traces.
const INFRASTRUCTURE_METHODS: [&str; 4] = [
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Adds a layer that counts, measures and traces all calls.
pub fn instrument_routes(routes: Routes) -> Routes {
    let methods: Arc<HashSet<String>> = Arc::new(proto::list_methods().into_iter().collect());
    let middleware = move |request: Request, next: Next| {
        let method = resolve_method(request.uri().path(), &methods);
        observe_call(method, request, next)
    };
    routes.into_axum_router().layer(from_fn(middleware)).into()
}

/// Returns a path as `package.Service/Method`, or `UNKNOWN_METHOD` if the method doesn't exist.
fn resolve_method(path: &str, methods: &HashSet<String>) -> String {
    let name = path.trim_start_matches('/');
    let is_known = methods.contains(name) || INFRASTRUCTURE_METHODS.contains(&name);
    if is_known { name.to_owned() } else { UNKNOWN_METHOD.to_owned() }
}

async fn observe_call(method: String, request: Request, next: Next) -> Response {
    let span = match INFRASTRUCTURE_METHODS.contains(&&*method) {
        true => Span::none(),
        false => create_span(&method, request.headers()),
    };
    let mut call = ObservedCall { method, started_at: Instant::now(), span, is_ended: false };
    let response = next.run(request).instrument(call.span.clone()).await;
    // A response without a body ("trailers-only") has its status in the headers.
    if let Some(code) = parse_code(response.headers()) {
        call.finish(code);
    }
    response.map(|body| Body::new(ObservedBody { body, call }))
}

/// Creates the span of a call as a child of the caller's span, with the attribute names of OpenTelemetry.
fn create_span(method: &str, headers: &HeaderMap) -> Span {
    let span = info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.grpc.status_code = Empty,
        trace_id = Empty
    );
    trace::extract_parent_context(&span, headers);
    span
}

fn parse_code(headers: &HeaderMap) -> Option<Code> {
    headers.get(STATUS_HEADER).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Call in progress. If it is dropped without a status, the client cancelled it.
struct ObservedCall {
    method: String,
    started_at: Instant,
    span: Span,
    is_ended: bool,
}

impl ObservedCall {
    fn finish(&mut self, code: Code) {
        // Recorded once: the body of a call whose status is in the headers is dropped later.
        if !std::mem::replace(&mut self.is_ended, true) {
            counter!(names::CALLS, "method" => self.method.clone(), "code" => to_code_name(code)).increment(1);
            histogram!(names::CALL_SECONDS, "method" => self.method.clone())
                .record(self.started_at.elapsed().as_secs_f64());
            self.span.record("rpc.grpc.status_code", code as i32);
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}

/// Response body that records the status of the call from its trailers.
struct ObservedBody {
    body: Body,
    call: ObservedCall,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let span = self.call.span.clone();
        // The first poll starts the work of a stream, which must be part of the span.
        let _entered = span.enter();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(code) = frame.trailers_ref().and_then(parse_code)
        {
            self.call.finish(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns the name of a code in the gRPC specification.
fn to_code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_methods_become_labels() {
        let methods = proto::list_methods().into_iter().collect();
        let name = |path| resolve_method(path, &methods);
        assert_eq!(name("/splade_sidecar.v1.IndexService/Ingest"), "splade_sidecar.v1.IndexService/Ingest");
        assert_eq!(name("/splade_sidecar.v1.EncoderService/GetModel"), "splade_sidecar.v1.EncoderService/GetModel");
        assert_eq!(name("/grpc.health.v1.Health/Check"), "grpc.health.v1.Health/Check");
        let made_up = [
            "/splade_sidecar.v1.IndexService/Ingest2",
            "/",
            "",
            "/a/b",
            "/splade_sidecar.v1.IndexService",
            "/grpc.health.v1.Health/a",
        ];
        for made_up in made_up {
            assert_eq!(name(made_up), UNKNOWN_METHOD, "{made_up}");
        }
    }
}
