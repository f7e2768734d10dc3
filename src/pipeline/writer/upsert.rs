//! Upserts: a batch is written, retried, and split where the store fails on it, until every point has its answer.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;
use tracing::{Span, debug_span};

use super::job::{BatchKey, WriteJob};
use super::part::Part;
use super::retry::Retries;
use super::target::{RoundTrip, Target};
use crate::metrics as names;
use crate::pipeline::faults::stream_fault;
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::operation::Stored;
use crate::pipeline::receipt::all_receipts_abandoned;
use crate::store::StoreError;
use crate::trace;
use crate::types::{Point, PointId};

/// How often a store may fail on a batch before its halves are tried, and on a point before the point is at fault.
const FAILURES: u32 = 3;

/// A batch on its way.
struct Upsert<'a> {
    target: &'a Target,
    batch: &'a BatchKey,
    retries: Retries<'a>,
    parts: VecDeque<Part>,
    round_trip: RoundTrip,
    /// Whether any point of the batch was written: then the store works.
    stored: bool,
    /// The ids that stay in flight after their points are answered for.
    settling: Vec<Claim>,
}

impl Target {
    /// The span of a batch.
    pub(super) fn span(&self, batch: &[WriteJob]) -> Span {
        let first = batch.first().and_then(|job| job.receipt.span.id());
        let collection = &self.collection;
        let span = debug_span!(parent: first, "upsert", otel.kind = "client", collection, points = batch.len());
        trace::batch(span, batch.iter().map(|job| &job.receipt.span))
    }

    /// Writes a batch, whose points have the same key, and answers for each of them. No attempt begins after `deadline`
    /// but the first of each part.
    pub(super) async fn upsert(&self, jobs: Vec<WriteJob>, deadline: Instant) -> RoundTrip {
        let Some(batch) = jobs.first().map(|job| Arc::clone(&job.batch)) else { return RoundTrip::NotSent };
        let mut upsert = Upsert {
            target: self,
            batch: &batch,
            retries: Retries::new(deadline, &*self.retries),
            parts: VecDeque::from([Part::new(jobs)]),
            round_trip: RoundTrip::NotSent,
            stored: false,
            settling: Vec::new(),
        };
        while let Some(part) = upsert.parts.pop_front() {
            upsert.write(part).await;
        }
        let Upsert { settling, round_trip, .. } = upsert;
        self.settler.settle(settling).await;
        round_trip
    }
}

impl Upsert<'_> {
    /// Sends a part once, and answers for it or puts what is left of it back.
    async fn write(&mut self, mut part: Part) {
        part.drop_abandoned(&mut self.settling);
        if part.points.is_empty() {
            return;
        }
        let start = Instant::now();
        let error = match self.attempt(&part.points).await {
            Ok(superseded) => return self.written(part, &superseded, start.elapsed()),
            Err(error) => error,
        };
        if error.is_retryable() {
            self.round_trip = RoundTrip::Refused;
        }
        part.unsettled |= error.has_unknown_outcome();
        part.failures += u32::from(matches!(error, StoreError::Internal(_)));
        match error {
            StoreError::Refused(_) if part.points.len() > 1 => {
                // At once, and in order.
                let second = part.split_off_half();
                self.parts.push_front(second);
                self.parts.push_front(part);
            }
            StoreError::Internal(message) if part.points.len() == 1 && self.stored && part.failures >= FAILURES => {
                let message = format!("it fails on this point, {FAILURES} times now, and not on others: {message}");
                self.reject(part, StoreError::Refused(message));
            }
            error => {
                let again = tokio::select! {
                    biased;
                    again = self.retries.pause_after(&error) => again,
                    // All of its points are dropped before the next attempt.
                    () = all_receipts_abandoned(part.receipts.iter()) => {
                        return self.parts.push_front(part);
                    }
                };
                if again { self.retry(part, &error) } else { self.reject(part, error) }
            }
        }
    }

    /// Puts a part back, in halves if the store has failed on it often: one point must not fail its neighbours.
    fn retry(&mut self, mut part: Part, error: &StoreError) {
        counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
        let (collection, points) = (&self.target.collection, part.points.len());
        tracing::warn!(collection, points, %error, "upsert failed; retrying");
        if part.points.len() > 1 && part.failures >= FAILURES {
            let second = part.split_off_half();
            // The other parts first: the sooner one is written, the sooner it is known that the store works.
            self.parts.extend([part, second]);
        } else if part.failures > 0 {
            self.parts.push_back(part);
        } else {
            self.parts.push_front(part);
        }
    }

    fn written(&mut self, part: Part, superseded: &HashSet<PointId>, time: Duration) {
        let points = part.points.len();
        match self.round_trip {
            RoundTrip::Refused => {}
            RoundTrip::Taken { points: largest, .. } if largest >= points => {}
            RoundTrip::Taken { .. } | RoundTrip::NotSent => self.round_trip = RoundTrip::Taken { points, time },
        }
        self.stored = true;
        self.retries.reset();
        counter!(names::INDEXED).increment((points - superseded.len()) as u64);
        part.answer(&mut self.settling, |id, receipt| match superseded.contains(&id) {
            true => receipt.finish(Ok(Stored::Superseded)),
            false => receipt.confirm(),
        });
    }

    fn reject(&mut self, part: Part, error: StoreError) {
        let (collection, points) = (&self.target.collection, part.points.len());
        tracing::warn!(collection, points, %error, "upsert failed");
        let fault = stream_fault(error);
        part.answer(&mut self.settling, |_, receipt| receipt.finish(Err(fault.clone())));
    }

    /// Returns the points that the store has in a version that is not older.
    async fn attempt(&self, points: &[Point]) -> Result<HashSet<PointId>, StoreError> {
        histogram!(names::UPSERT_POINTS).record(points.len() as f64);
        let start = Instant::now();
        let (store, collection, vector_name) = (&self.target.store, &self.target.collection, &self.batch.vector_name);
        let outcome = match self.batch.versioned {
            false => store.upsert(collection, vector_name, points).await.map(|()| HashSet::new()),
            true => store.upsert_newer(collection, vector_name, points).await,
        };
        let label = match &outcome {
            Ok(_) => "ok",
            Err(error) if error.is_retryable() => "retry",
            Err(_) => "error",
        };
        histogram!(names::UPSERT_SECONDS, "outcome" => label).record(start.elapsed().as_secs_f64());
        outcome
    }
}
