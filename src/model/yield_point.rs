//! Yield points: cooperative preemption of document encoding by queries.
//!
//! See docs/adr/0044-query-priority.md.

use std::fmt;

/// Runs more urgent work between two steps of encoding.
///
/// An encoder thread is busy with a batch of documents for its whole duration, and kernels cannot be preempted. Every
/// function on the path to the kernels therefore takes a yield point and calls [`YieldPoint::yield_now`] every few
/// milliseconds: between products of a layer and between tiles of the vocabulary. The caller decides what is urgent;
/// encoder threads check their query lane and serve it first.
pub struct YieldPoint<'a>(Option<&'a mut dyn FnMut()>);

impl<'a> YieldPoint<'a> {
    /// Creates a yield point that runs `urgent_work` at each call of [`Self::yield_now`].
    pub fn new(urgent_work: &'a mut dyn FnMut()) -> Self {
        Self(Some(urgent_work))
    }

    /// Creates a yield point that does nothing, for uninterruptible work.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Runs the urgent work on this thread and returns when it is done.
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
