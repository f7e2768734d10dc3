//! No-op trace propagation for builds without the feature `otlp`.

use tonic::codegen::http::HeaderMap;
use tonic::metadata::MetadataMap;
use tracing::Span;

/// Does nothing: the span has no remote parent.
pub fn extract_parent_context(_span: &Span, _headers: &HeaderMap) {}

/// Does nothing: the request has no trace context.
pub fn inject_context(_metadata: &mut MetadataMap) {}
