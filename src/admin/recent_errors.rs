//! Most recent warnings and errors of the process, for the status page.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Maximum number of events to keep.
const MAX_EVENTS: usize = 20;
/// Maximum size of an event's message in bytes.
const MAX_MESSAGE_BYTES: usize = 400;

/// Ring buffer of events, newest last.
static RECENT_ERRORS: Mutex<VecDeque<RecentError>> = Mutex::new(VecDeque::new());

/// A logged warning or error.
#[derive(Debug, Clone, Serialize)]
pub struct RecentError {
    /// Time of the event in RFC 3339 format.
    pub time: String,
    pub level: &'static str,
    pub message: String,
}

/// Returns the most recent warnings and errors, newest first.
pub fn recent_errors() -> Vec<RecentError> {
    RECENT_ERRORS.lock().iter().rev().cloned().collect()
}

/// Layer that keeps every event it receives; attach a filter for warnings and errors.
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

/// Text of an event: its message, then its fields.
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
            // Source location of events of libraries that use the `log` crate.
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
    fn keeps_only_the_most_recent_events() {
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
