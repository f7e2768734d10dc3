//! Traces: the context that a caller hands over and the store is handed, and how a batch names the calls that are in it.
//!
//! A call is a span, and so is each stage of its work. Work of many calls goes through one batch: the batch's span is below
//! the first of them and linked to the others. Spans cost nothing where nobody takes them.

#[cfg(not(feature = "otlp"))]
mod no_propagation;
#[cfg(feature = "otlp")]
mod propagation;

use tokio::time::Instant;
use tracing::Span;

#[cfg(not(feature = "otlp"))]
pub use no_propagation::{accept, hand_over};
#[cfg(feature = "otlp")]
pub use propagation::{accept, hand_over};

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
