//! Permits and result slots per kind of work: texts, or documents.

use metrics::{counter, gauge, histogram};

use super::permit::{PermitMetrics, PermitPool};
use super::result_slots::ResultSlots;
use super::results::ResultReceiver;
use super::ticket::TicketIssuer;
use crate::metrics as names;
use crate::pipeline::config::PipelineConfig;
use crate::pipeline::urgency::{BULK_LANE, QUERY_LANE, Urgency};

/// Permits of one kind of work, by urgency, and the slots for its results.
#[derive(Debug)]
pub struct AdmissionControl {
    /// Value of the `work` label of metrics.
    work_kind: &'static str,
    interactive: PermitPool,
    bulk: PermitPool,
    /// Slots for results, shared by all streams.
    result_slots: ResultSlots,
}

impl AdmissionControl {
    /// Creates the permits and result slots of one kind of work. `unary` and `stream` are values of the metrics label
    /// `call`.
    pub fn new(
        config: &PipelineConfig,
        work_kind: &'static str,
        [unary, stream]: [&'static str; 2],
        max_slots_per_stream: usize,
    ) -> Self {
        let new_metrics = |lane: &'static str, call: &'static str| PermitMetrics {
            admitted: counter!(names::ADMITTED, "work" => work_kind, "lane" => lane),
            held_seconds: histogram!(names::DOCUMENT_SECONDS, "call" => call),
        };
        let (query, bulk) = (new_metrics(QUERY_LANE, unary), new_metrics(BULK_LANE, stream));
        Self {
            work_kind,
            interactive: PermitPool::new(config.max_interactive, config.max_bytes).with_metrics(query),
            bulk: PermitPool::new(config.max_documents, config.max_bytes).with_metrics(bulk),
            result_slots: ResultSlots::new(max_slots_per_stream),
        }
    }

    /// Returns the permit pool for an urgency.
    pub fn permits_for(&self, urgency: Urgency) -> &PermitPool {
        match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Bulk => &self.bulk,
        }
    }

    /// Creates a ticket issuer for one client, and the receiver of its results. A unary call has its own slots because
    /// its results are collected immediately; streams share their slots.
    pub fn create_issuer<K, T>(&self, urgency: Urgency) -> (TicketIssuer<K, T>, ResultReceiver<K, T>) {
        let permits = self.permits_for(urgency).clone();
        match urgency {
            Urgency::Interactive => {
                let max_slots = permits.max_documents();
                TicketIssuer::new(permits, max_slots)
            }
            Urgency::Bulk => TicketIssuer::with_shared_slots(permits, &self.result_slots),
        }
    }

    /// Updates the gauges of held permits, maximum permits and waiting results.
    pub fn record_gauges(&self) {
        for (lane, permits) in [(QUERY_LANE, &self.interactive), (BULK_LANE, &self.bulk)] {
            gauge!(names::PERMITS, "work" => self.work_kind, "lane" => lane).set(permits.held_permits() as f64);
            gauge!(names::PERMITS_LIMIT, "work" => self.work_kind, "lane" => lane).set(permits.max_documents() as f64);
        }
        gauge!(names::RESULTS_WAITING, "work" => self.work_kind).set(self.result_slots.count_waiting() as f64);
    }
}
