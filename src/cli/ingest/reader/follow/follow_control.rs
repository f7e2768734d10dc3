//! How often a file is looked at, and until when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread, park_timeout};
use std::time::Duration;

use parking_lot::Mutex;

/// How a file is followed.
#[derive(Debug, Clone)]
pub struct FollowControl {
    /// How often the file is looked at.
    pub interval: Duration,
    stop: Arc<StopSignal>,
}

/// Ends what follows files, from another thread.
#[derive(Debug, Default)]
struct StopSignal {
    is_stopped: AtomicBool,
    waiting_thread: Mutex<Option<Thread>>,
}

impl FollowControl {
    pub fn new(interval: Duration) -> Self {
        Self { interval, stop: Arc::default() }
    }

    /// Ends the file where it ends now. What is waiting for more of it goes on at once.
    pub fn stop(&self) {
        self.stop.is_stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = &*self.stop.waiting_thread.lock() {
            thread.unpark();
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped.load(Ordering::SeqCst)
    }

    /// Waits until the file is to be looked at again.
    pub fn wait(&self) {
        *self.stop.waiting_thread.lock() = Some(thread::current());
        if !self.is_stopped() {
            park_timeout(self.interval);
        }
    }
}
