//! What is seen of every call, whoever serves it: how long it took, how it ended, and its span.

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

/// Where a call's status is: among the trailers, or among the headers if there is nothing else.
const STATUS: &str = "grpc-status";
/// What metrics call the methods that there are not: a client makes those names up.
const UNKNOWN: &str = "unknown";
/// Methods of services beside the contract's: those have no span, for probes would drown the others.
const PLUMBING: [&str; 4] = [
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Counts and traces the calls that go through.
pub fn observed(routes: Routes) -> Routes {
    let methods: Arc<HashSet<String>> = Arc::new(proto::methods().into_iter().collect());
    let observe = move |request: Request, next: Next| {
        let method = name(request.uri().path(), &methods);
        observe(method, request, next)
    };
    routes.into_axum_router().layer(from_fn(observe)).into()
}

/// `package.Service/Method`, if there is such a method.
fn name(path: &str, methods: &HashSet<String>) -> String {
    let name = path.trim_start_matches('/');
    let known = methods.contains(name) || PLUMBING.contains(&name);
    if known { name.to_owned() } else { UNKNOWN.to_owned() }
}

async fn observe(method: String, request: Request, next: Next) -> Response {
    let span = match PLUMBING.contains(&&*method) {
        true => Span::none(),
        false => span(&method, request.headers()),
    };
    let mut call = Call { method, since: Instant::now(), span, ended: false };
    let response = next.run(request).instrument(call.span.clone()).await;
    if let Some(code) = code(response.headers()) {
        call.end(code);
    }
    response.map(|body| Body::new(Observed { body, call }))
}

/// A call's span, named as OpenTelemetry has it, below the caller's.
fn span(method: &str, headers: &HeaderMap) -> Span {
    let span = info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.grpc.status_code = Empty,
        trace_id = Empty
    );
    trace::accept(&span, headers);
    span
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// A call under way. Dropped before it has a status, its client has gone.
struct Call {
    method: String,
    since: Instant,
    span: Span,
    ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.ended, true) {
            counter!(names::CALLS, "method" => self.method.clone(), "code" => code_name(code)).increment(1);
            histogram!(names::CALL_SECONDS, "method" => self.method.clone()).record(self.since.elapsed().as_secs_f64());
            self.span.record("rpc.grpc.status_code", code as i32);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A response's body, up to its trailers.
struct Observed {
    body: Body,
    call: Call,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let span = self.call.span.clone();
        // The work of a stream begins here.
        let _entered = span.enter();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code)
        {
            self.call.end(code);
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

/// A code as the gRPC specification writes it.
fn code_name(code: Code) -> &'static str {
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
    fn only_methods_that_there_are_become_labels() {
        let methods = proto::methods().into_iter().collect();
        let name = |path| name(path, &methods);
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
            assert_eq!(name(made_up), UNKNOWN, "{made_up}");
        }
    }
}
