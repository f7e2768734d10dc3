//! The last warnings and errors of the process, for the status page.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Maximum number of events that are kept.
const MAX_EVENTS: usize = 20;
/// Maximum size of an event's message.
const MAX_MESSAGE_BYTES: usize = 400;

/// The newest is last.
static RECENT_ERRORS: Mutex<VecDeque<RecentError>> = Mutex::new(VecDeque::new());

/// A warning or an error.
#[derive(Debug, Clone, Serialize)]
pub struct RecentError {
    /// In RFC 3339.
    pub time: String,
    pub level: &'static str,
    pub message: String,
}

/// Returns the last warnings and errors, the newest first.
pub fn recent_errors() -> Vec<RecentError> {
    RECENT_ERRORS.lock().iter().rev().cloned().collect()
}

/// Keeps every event that reaches it; its filter decides which.
#[derive(Debug)]
pub struct RecentEventsLayer;

impl<S: Subscriber> Layer<S> for RecentEventsLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = EventText::default();
        event.record(&mut text);
        let EventText { mut message, fields } = text;
        message.push_str(&fields);
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let recent = RecentError { time, level: event.metadata().level().as_str(), message };
        let mut errors = RECENT_ERRORS.lock();
        if errors.len() == MAX_EVENTS {
            errors.pop_front();
        }
        errors.push_back(recent);
    }
}

/// An event as text: its message, then its fields.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // Where in its source a library wrote it.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_last_are_kept_and_no_more() {
        let subscriber = tracing_subscriber::registry().with(RecentEventsLayer);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..MAX_EVENTS + 2 {
                tracing::warn!(number, "it went wrong");
            }
            tracing::error!(text = "é".repeat(MAX_MESSAGE_BYTES), "too long");
        });
        let errors = recent_errors();
        assert_eq!(errors.len(), MAX_EVENTS);
        assert!(errors[0].message.starts_with("too long text=\"é") && errors[0].message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!((errors[0].level, errors[1].level), ("ERROR", "WARN"));
        assert_eq!(errors[1].message, format!("it went wrong number={}", MAX_EVENTS + 1));
        assert_eq!(errors[MAX_EVENTS - 1].message, "it went wrong number=3");
    }
}
