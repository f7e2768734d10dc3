//! Traces: the context that a caller hands over and the store is handed, and how a batch names the calls that are in it.
//!
//! A call is a span, and so is each stage of its work. Work of many calls goes through one batch: the batch's span is below
//! the first of them and linked to the others. Spans cost nothing where nobody takes them.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio::time::Instant;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The field of a call's span that says which trace it is of; logs show it.
const TRACE_ID: &str = "trace_id";

/// Puts a call's span below the caller's (W3C Trace Context: `traceparent`, `tracestate`), and notes the trace's id.
pub fn accept(span: &Span, headers: &HeaderMap) {
    let caller = TraceContextPropagator::new().extract(&Headers(headers));
    let mut trace_id = caller.span().span_context().trace_id();
    // Fails where nobody takes spans; then the caller's id is all there is.
    if span.set_parent(caller).is_ok() {
        let own = span.context().span().span_context().trace_id();
        trace_id = if own == TraceId::INVALID { trace_id } else { own };
    }
    if trace_id != TraceId::INVALID {
        span.record(TRACE_ID, field::display(trace_id));
    }
}

/// Hands the current span's context over with a call to another service.
pub fn hand_over(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Metadata(metadata));
}

/// A batch's span, linked to those of the calls that are in it, each once, but for the first, which it is below. Where
/// nobody takes it, the first call's own, so that logs know the call.
pub fn batch<'a>(batch: Span, calls: impl IntoIterator<Item = &'a Span>) -> Span {
    let mut calls = calls.into_iter();
    let Some(first) = calls.next() else { return batch };
    if batch.is_disabled() {
        return first.clone();
    }
    let mut seen = vec![first.id()];
    for call in calls {
        let id = call.id();
        // Work of one call comes in a row.
        if seen.iter().rev().all(|known| *known != id) {
            batch.follows_from(id.clone());
            seen.push(id);
        }
    }
    batch
}

/// Where a piece of work comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The call that it is of.
    pub span: Span,
    pub since: Instant,
}

impl Origin {
    /// Of the current call, now.
    pub fn here() -> Self {
        Self { span: Span::current(), since: Instant::now() }
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (AsciiMetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}
