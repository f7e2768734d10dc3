//! Distributed tracing: propagation of the trace context from callers and to the store, and span links of batches.
//!
//! Each call has a span, and so has each stage of its work. A batch combines work of several calls: its span is a child
//! of the first call's span and is linked to the others. Without a subscriber, spans are disabled and cost almost
//! nothing.
//!
//! See docs/adr/0048-spans.md.

#[cfg(not(feature = "otlp"))]
mod no_propagation;
#[cfg(feature = "otlp")]
mod propagation;

use tokio::time::Instant;
use tracing::Span;

#[cfg(not(feature = "otlp"))]
pub use no_propagation::{extract_parent_context, inject_context};
#[cfg(feature = "otlp")]
pub use propagation::{extract_parent_context, inject_context};

/// Links a batch's span to the spans of its calls, each once, except for the first call, whose span is its parent. If
/// the batch's span is disabled, returns the first call's span, so that log lines have the fields of that call.
pub fn link_batch_span<'a>(batch_span: Span, call_spans: impl IntoIterator<Item = &'a Span>) -> Span {
    let mut calls = call_spans.into_iter();
    let Some(first) = calls.next() else { return batch_span };
    if batch_span.is_disabled() {
        return first.clone();
    }
    let mut linked_ids = vec![first.id()];
    for call in calls {
        let id = call.id();
        // Items of one call are adjacent, so the search from the end usually stops at the first comparison.
        if linked_ids.iter().rev().all(|linked| *linked != id) {
            batch_span.follows_from(id.clone());
            linked_ids.push(id);
        }
    }
    batch_span
}

/// Origin of a job: its call and the time at which it was queued.
#[derive(Debug, Clone)]
pub struct JobOrigin {
    /// Span of the call.
    pub span: Span,
    pub queued_at: Instant,
}

impl JobOrigin {
    /// Returns the origin of a job that the current call queues now.
    pub fn current() -> Self {
        Self { span: Span::current(), queued_at: Instant::now() }
    }
}
