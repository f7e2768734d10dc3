//! Faults that the simulated engine injects.

use std::fmt;

use crate::store::edge::point_change::PointChange;

/// Fault of one change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ApplyFault {
    Refused,
    /// Fails after this many points have been changed.
    PartialAfter(usize),
}

/// Fault of the next flush.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum FlushFault {
    #[default]
    None,
    CrashBefore,
    CrashWithin,
    CrashAfter,
    Fails,
}

/// Outcome of a merge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum OptimizeOutcome {
    Succeeds,
    /// The old segments return to memory, including points that were deleted or replaced.
    FailsWhileBuilding {
        leaves_output: bool,
    },
    /// The merged segment is in use, but the old ones stay on disk.
    FailsToDropOld,
}

/// Faults to inject from now on.
#[derive(Default)]
pub(super) struct Script {
    pub(super) is_disk_low: bool,
    pub(super) changes: Vec<(PointChange, ApplyFault)>,
    pub(super) flush: FlushFault,
    /// The process crashes after or during the next append to the journal.
    pub(super) crashes_after_journal: bool,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.changes.iter().map(|(change, fault)| (change.ids(), fault)).collect();
        let Self { is_disk_low, changes: _, flush, crashes_after_journal } = self;
        let crash = if *crashes_after_journal { ", crash after the journal" } else { "" };
        write!(f, "disk low: {is_disk_low}, faults: {faults:?}, flush: {flush:?}{crash}")
    }
}
