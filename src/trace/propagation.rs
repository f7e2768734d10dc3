//! W3C Trace Context, taken from a caller and handed to the store.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The field of a call's span that says which trace it is of; logs show it.
const TRACE_ID: &str = "trace_id";

/// Puts a call's span below the caller's (W3C Trace Context: `traceparent`, `tracestate`), and notes the trace's id.
pub fn extract_parent_context(span: &Span, headers: &HeaderMap) {
    let parent_context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let mut trace_id = parent_context.span().span_context().trace_id();
    // Fails where nobody takes spans; then the caller's id is all there is.
    if span.set_parent(parent_context).is_ok() {
        let own_trace_id = span.context().span().span_context().trace_id();
        trace_id = if own_trace_id == TraceId::INVALID { trace_id } else { own_trace_id };
    }
    if trace_id != TraceId::INVALID {
        span.record(TRACE_ID, field::display(trace_id));
    }
}

/// Hands the current span's context over with a call to another service.
pub fn inject_context(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut MetadataInjector(metadata));
}

struct HeaderExtractor<'a>(&'a HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

struct MetadataInjector<'a>(&'a mut MetadataMap);

impl Injector for MetadataInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (AsciiMetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}
