//! The input of a session: what the reader hands over.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use crate::cli::ingest::reader::{FollowControl, InputEvent, InputEventReceiver};

/// After so long without anything to send, a stream is ended: a server ends one that is silent for long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is read, as it comes.
pub struct SessionInput {
    events: InputEventReceiver,
    has_ended: bool,
    /// How the input is followed that may grow, until a signal ends it.
    follow: Option<FollowControl>,
    /// When there was something to send.
    last_activity_at: Instant,
}

impl SessionInput {
    pub fn new(events: InputEventReceiver) -> Self {
        Self { events, has_ended: false, follow: None, last_activity_at: Instant::now() }
    }

    /// For an input that may grow.
    pub fn with_follow(self, follow: Option<FollowControl>) -> Self {
        Self { follow, ..self }
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub fn is_followed(&self) -> bool {
        self.follow.is_some()
    }

    /// Ends an input that is followed where it ends now: the reader reports what is left. Returns whether this is news: a
    /// second signal doesn't wait for that.
    pub fn stop_following(&mut self) -> bool {
        let Some(follow) = self.follow.as_ref().filter(|follow| !follow.is_stopped()) else { return false };
        follow.stop();
        true
    }

    /// Counts the time of silence from now on.
    pub fn note_activity(&mut self) {
        self.last_activity_at = Instant::now();
    }

    /// Returns when nothing has come for so long that the stream is ended.
    pub fn idle_deadline(&self) -> Instant {
        self.last_activity_at + IDLE_TIMEOUT
    }

    /// Waits for the next batch; `None` behind the last one.
    pub async fn next_event(&mut self) -> Option<anyhow::Result<InputEvent>> {
        self.events.recv().await
    }

    /// Takes what came.
    ///
    /// # Errors
    /// If the input can't be read.
    pub fn accept_event(&mut self, event: Option<anyhow::Result<InputEvent>>) -> anyhow::Result<Option<InputEvent>> {
        self.note_activity();
        self.has_ended |= event.is_none();
        event.transpose().context("can't read the input")
    }
}
