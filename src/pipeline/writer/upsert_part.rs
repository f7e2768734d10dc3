//! Parts of a batch, each sent in one request.

use super::job::UpsertJob;
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::receipt::Receipt;
use crate::types::{Point, PointId};

/// Points of a batch that are sent in one request.
pub(super) struct UpsertPart {
    pub(super) points: Vec<Point>,
    /// Receipt of each point, at the same index.
    pub(super) receipts: Vec<Receipt>,
    /// Number of internal errors of the store on exactly these points.
    pub(super) failure_count: u32,
    /// Set if an attempt ended with an unknown outcome, so that its write may still land.
    pub(super) has_unknown_outcome: bool,
}

impl UpsertPart {
    pub(super) fn new(jobs: Vec<UpsertJob>) -> Self {
        let (points, receipts) = jobs.into_iter().map(|job| (job.point, job.receipt)).unzip();
        Self { points, receipts, failure_count: 0, has_unknown_outcome: false }
    }

    /// Drops abandoned points, so that they are not sent, or not sent again.
    pub(super) fn drop_abandoned(&mut self, unsettled_claims: &mut Vec<Claim>) {
        if !self.receipts.iter().any(|receipt| receipt.is_abandoned()) {
            return;
        }
        let jobs = self.points.drain(..).zip(self.receipts.drain(..));
        let (kept, abandoned): (Vec<_>, Vec<_>) = jobs.partition(|(_, receipt)| !receipt.is_abandoned());
        (self.points, self.receipts) = kept.into_iter().unzip();
        if self.has_unknown_outcome {
            unsettled_claims.extend(abandoned.into_iter().map(|(_, receipt)| receipt.abandon()));
        }
    }

    /// Splits off the second half. Each half inherits one failure less than the whole, so that it is split again soon.
    /// A single point starts without failures.
    pub(super) fn split_off_half(&mut self) -> Self {
        let half = self.points.len() / 2;
        let (points, receipts) = (self.points.split_off(half), self.receipts.split_off(half));
        let halved_failure_count =
            |points: &[Point]| if points.len() > 1 { self.failure_count.saturating_sub(1) } else { 0 };
        let second = Self {
            failure_count: halved_failure_count(&points),
            points,
            receipts,
            has_unknown_outcome: self.has_unknown_outcome,
        };
        self.failure_count = halved_failure_count(&self.points);
        second
    }

    /// Answers for each point and releases its id, unless its write may still land.
    pub(super) fn finish_each(self, unsettled_claims: &mut Vec<Claim>, finish: impl Fn(PointId, Receipt) -> Claim) {
        for (point, receipt) in self.points.iter().zip(self.receipts) {
            let claim = finish(point.id, receipt);
            if self.has_unknown_outcome {
                unsettled_claims.push(claim);
            }
        }
    }
}
