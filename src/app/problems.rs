//! The last warnings and errors, for the status page.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many are kept, and how long one may be.
const KEPT: usize = 20;
const MAX_BYTES: usize = 400;

/// Those of this process, the newest last.
static PROBLEMS: Mutex<VecDeque<Problem>> = Mutex::new(VecDeque::new());

/// A warning or an error.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// RFC 3339.
    pub time: String,
    pub level: &'static str,
    pub message: String,
}

/// The last ones, the newest first.
pub fn last() -> Vec<Problem> {
    PROBLEMS.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
}

/// Keeps every event that reaches it; its filter decides which.
#[derive(Debug)]
pub struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let Text { mut message, fields } = text;
        message.push_str(&fields);
        message.truncate(message.floor_char_boundary(MAX_BYTES));
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let problem = Problem { time, level: event.metadata().level().as_str(), message };
        let mut problems = PROBLEMS.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() == KEPT {
            problems.pop_front();
        }
        problems.push_back(problem);
    }
}

/// An event as text: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
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
        let subscriber = tracing_subscriber::registry().with(Keeper);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..KEPT + 2 {
                tracing::warn!(number, "it went wrong");
            }
            tracing::error!(text = "é".repeat(MAX_BYTES), "too long");
        });
        let problems = last();
        assert_eq!(problems.len(), KEPT);
        assert!(problems[0].message.starts_with("too long text=\"é") && problems[0].message.len() <= MAX_BYTES);
        assert_eq!((problems[0].level, problems[1].level), ("ERROR", "WARN"));
        assert_eq!(problems[1].message, format!("it went wrong number={}", KEPT + 1));
        assert_eq!(problems[KEPT - 1].message, "it went wrong number=3");
    }
}
