//! The points of a batch that are sent together.

use super::job::WriteJob;
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::receipt::Receipt;
use crate::types::{Point, PointId};

/// Points of a batch that are sent together.
pub(super) struct Part {
    pub(super) points: Vec<Point>,
    /// What is owed for each point.
    pub(super) receipts: Vec<Receipt>,
    /// How often the store failed on just these points.
    pub(super) failures: u32,
    /// Whether an attempt ended with an unknown outcome, so that it may land later.
    pub(super) unsettled: bool,
}

impl Part {
    pub(super) fn new(jobs: Vec<WriteJob>) -> Self {
        let (points, receipts) = jobs.into_iter().map(|job| (job.point, job.receipt)).unzip();
        Self { points, receipts, failures: 0, unsettled: false }
    }

    /// Drops the points that nobody waits for any more: they are not sent, or not again.
    pub(super) fn drop_abandoned(&mut self, settling: &mut Vec<Claim>) {
        if !self.receipts.iter().any(|receipt| receipt.is_abandoned()) {
            return;
        }
        let jobs = self.points.drain(..).zip(self.receipts.drain(..));
        let (kept, abandoned): (Vec<_>, Vec<_>) = jobs.partition(|(_, receipt)| !receipt.is_abandoned());
        (self.points, self.receipts) = kept.into_iter().unzip();
        if self.unsettled {
            settling.extend(abandoned.into_iter().map(|(_, receipt)| receipt.abandon()));
        }
    }

    /// Takes the second half out. A half of what the store failed on often is split sooner than the whole was; a single
    /// point is judged by its own failures alone.
    pub(super) fn split_off_half(&mut self) -> Self {
        let half = self.points.len() / 2;
        let (points, receipts) = (self.points.split_off(half), self.receipts.split_off(half));
        let failures = |points: &[Point]| if points.len() > 1 { self.failures.saturating_sub(1) } else { 0 };
        let second = Self { failures: failures(&points), points, receipts, unsettled: self.unsettled };
        self.failures = failures(&self.points);
        second
    }

    /// Answers for each point. Its id is free for the next change, unless this one may land later.
    pub(super) fn answer(self, settling: &mut Vec<Claim>, answer: impl Fn(PointId, Receipt) -> Claim) {
        for (point, receipt) in self.points.iter().zip(self.receipts) {
            let claim = answer(point.id, receipt);
            if self.unsettled {
                settling.push(claim);
            }
        }
    }
}
