//! The faults of a scripted engine.

use std::fmt;

use crate::store::edge::point_change::PointChange;

/// What becomes of one change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ApplyFault {
    Refused,
    /// The error comes after so many points.
    PartialAfter(usize),
}

/// What becomes of the next flush.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum FlushFault {
    #[default]
    None,
    CrashBefore,
    CrashWithin,
    CrashAfter,
    Fails,
}

/// How a merge ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum OptimizeOutcome {
    Succeeds,
    /// The old segments are back in memory, with all that was deleted or replaced.
    FailsWhileBuilding {
        leaves_output: bool,
    },
    /// The merged segment is in use, and the old ones stay on the disk.
    FailsToDropOld,
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Script {
    pub(super) is_disk_low: bool,
    pub(super) changes: Vec<(PointChange, ApplyFault)>,
    pub(super) flush: FlushFault,
    /// The process dies when the journal has been appended to, or in the middle of that.
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
