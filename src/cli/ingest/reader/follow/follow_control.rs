//! Polling interval and stop signal of a followed file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread, park_timeout};
use std::time::Duration;

use parking_lot::Mutex;

/// Polling interval and stop signal of a followed file; clones share the signal.
#[derive(Debug, Clone)]
pub struct FollowControl {
    /// Time between two polls of the file.
    pub interval: Duration,
    stop: Arc<StopSignal>,
}

/// Signal of another thread that ends following.
#[derive(Debug, Default)]
struct StopSignal {
    is_stopped: AtomicBool,
    waiting_thread: Mutex<Option<Thread>>,
}

impl FollowControl {
    pub fn new(interval: Duration) -> Self {
        Self { interval, stop: Arc::default() }
    }

    /// Stops following at the current end of the file, and wakes the waiting thread.
    pub fn stop(&self) {
        self.stop.is_stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = &*self.stop.waiting_thread.lock() {
            thread.unpark();
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped.load(Ordering::SeqCst)
    }

    /// Waits until the next poll or until [`FollowControl::stop`] is called.
    pub fn wait(&self) {
        *self.stop.waiting_thread.lock() = Some(thread::current());
        if !self.is_stopped() {
            park_timeout(self.interval);
        }
    }
}
