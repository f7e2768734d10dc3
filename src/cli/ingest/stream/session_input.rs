//! The input of a session, received from the reader thread.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use crate::cli::ingest::reader::{FollowControl, InputEvent, InputEventReceiver};

/// Time without input after which an idle stream is closed, before the server closes it with an error.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Events of the reader, and whether the input has ended.
pub struct SessionInput {
    events: InputEventReceiver,
    has_ended: bool,
    /// Control of a followed input, with which a signal ends it.
    follow: Option<FollowControl>,
    /// Time of the last event or of the start of the stream.
    last_activity_at: Instant,
}

impl SessionInput {
    /// Creates an input that is not followed.
    pub fn new(events: InputEventReceiver) -> Self {
        Self { events, has_ended: false, follow: None, last_activity_at: Instant::now() }
    }

    /// Sets the control of a followed input.
    pub fn with_follow(self, follow: Option<FollowControl>) -> Self {
        Self { follow, ..self }
    }

    /// Returns whether all events were received.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns whether the input is followed.
    pub fn is_followed(&self) -> bool {
        self.follow.is_some()
    }

    /// Ends a followed input at its current end; the reader still delivers the lines up to there. Returns false if the input is
    /// not followed or was already stopped, so that a second signal interrupts the run.
    pub fn stop_following(&mut self) -> bool {
        let Some(follow) = self.follow.as_ref().filter(|follow| !follow.is_stopped()) else { return false };
        follow.stop();
        true
    }

    /// Restarts the idle time.
    pub fn note_activity(&mut self) {
        self.last_activity_at = Instant::now();
    }

    /// Returns the time at which an idle stream is closed.
    pub fn idle_deadline(&self) -> Instant {
        self.last_activity_at + IDLE_TIMEOUT
    }

    /// Waits for the next event; `None` after the last one.
    pub async fn next_event(&mut self) -> Option<anyhow::Result<InputEvent>> {
        self.events.recv().await
    }

    /// Processes the result of [`Self::next_event`].
    ///
    /// # Errors
    /// If the input can't be read.
    pub fn accept_event(&mut self, event: Option<anyhow::Result<InputEvent>>) -> anyhow::Result<Option<InputEvent>> {
        self.note_activity();
        self.has_ended |= event.is_none();
        event.transpose().context("can't read the input")
    }
}
