//! Where long work lets more urgent work run.
//!
//! See docs/adr/0044-query-priority.md.

use std::fmt;

/// Lets more urgent work run between two steps of encoding.
///
/// A thread that encodes documents is busy for as long as their batch takes, and the kernels can't be preempted. So
/// everything on the way to them takes a yield point and calls [`YieldPoint::yield_now`] every few milliseconds: between
/// two products of a layer and between two tiles of the vocabulary. What is urgent is up to whoever starts the work; the
/// encoder threads look at their query lane there and serve it first.
pub struct YieldPoint<'a>(Option<&'a mut dyn FnMut()>);

impl<'a> YieldPoint<'a> {
    /// Runs `urgent_work` at each call of [`Self::yield_now`].
    pub fn new(urgent_work: &'a mut dyn FnMut()) -> Self {
        Self(Some(urgent_work))
    }

    /// For work that nothing interrupts.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Runs the urgent work on this thread, and returns when it is done.
    pub fn yield_now(&mut self) {
        if let Some(urgent_work) = &mut self.0 {
            urgent_work();
        }
    }
}

impl fmt::Debug for YieldPoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("YieldPoint").field(&self.0.is_some()).finish()
    }
}
