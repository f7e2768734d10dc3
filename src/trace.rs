//! Traces: the context that a caller hands over and the store is handed, and how a batch names the calls that are in it.
//!
//! A call is a span, and so is each stage of its work. Work of many calls goes through one batch: the batch's span is below
//! the first of them and linked to the others. Spans cost nothing where nobody takes them.
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

/// A batch's span, linked to those of the calls that are in it, each once, but for the first, which it is below. Where
/// nobody takes it, the first call's own, so that logs know the call.
pub fn link_batch_span<'a>(batch_span: Span, call_spans: impl IntoIterator<Item = &'a Span>) -> Span {
    let mut calls = call_spans.into_iter();
    let Some(first) = calls.next() else { return batch_span };
    if batch_span.is_disabled() {
        return first.clone();
    }
    let mut linked_ids = vec![first.id()];
    for call in calls {
        let id = call.id();
        // Work of one call comes in a row.
        if linked_ids.iter().rev().all(|linked| *linked != id) {
            batch_span.follows_from(id.clone());
            linked_ids.push(id);
        }
    }
    batch_span
}

/// Where a piece of work comes from.
#[derive(Debug, Clone)]
pub struct JobOrigin {
    /// The call that it is of.
    pub span: Span,
    pub queued_at: Instant,
}

impl JobOrigin {
    /// Of the current call, now.
    pub fn current() -> Self {
        Self { span: Span::current(), queued_at: Instant::now() }
    }
}
