//! Propagation of W3C Trace Context from callers and to the store.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Field of a call's span with the trace id, for log lines.
const TRACE_ID: &str = "trace_id";

/// Sets the parent of a call's span from the caller's headers (W3C Trace Context: `traceparent`, `tracestate`), and
/// records the trace id in the span.
pub fn extract_parent_context(span: &Span, headers: &HeaderMap) {
    let parent_context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let mut trace_id = parent_context.span().span_context().trace_id();
    // Fails without an OpenTelemetry layer. The trace id is then the caller's.
    if span.set_parent(parent_context).is_ok() {
        let own_trace_id = span.context().span().span_context().trace_id();
        trace_id = if own_trace_id == TraceId::INVALID { trace_id } else { own_trace_id };
    }
    if trace_id != TraceId::INVALID {
        span.record(TRACE_ID, field::display(trace_id));
    }
}

/// Adds the current span's trace context to the metadata of an outgoing call.
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
