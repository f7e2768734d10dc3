//! The permits of the pipeline's two kinds of work: texts, and documents.

use metrics::{counter, gauge, histogram};

use super::permit::{Admission, Meter};
use super::result_slots::ResultSlots;
use super::results::ResultReceiver;
use super::ticket::Tickets;
use crate::metrics as names;
use crate::pipeline::config::PipelineConfig;
use crate::pipeline::urgency::{BULK_LANE, QUERY_LANE, Urgency};

/// The permits of one kind of work, by its urgency, and the slots for its results.
#[derive(Debug)]
pub struct AdmissionControl {
    /// What metrics call it.
    work: &'static str,
    interactive: Admission,
    bulk: Admission,
    /// Slots for the results of all streams.
    results: ResultSlots,
}

impl AdmissionControl {
    /// Creates the permits of one kind of work. `unary` and `stream` are the calls that bring it, as metrics know them.
    pub fn new(config: &PipelineConfig, work: &'static str, [unary, stream]: [&'static str; 2], slots: usize) -> Self {
        let meter = |lane: &'static str, call: &'static str| Meter {
            admitted: counter!(names::ADMITTED, "work" => work, "lane" => lane),
            seconds: histogram!(names::DOCUMENT_SECONDS, "call" => call),
        };
        let (query, bulk) = (meter(QUERY_LANE, unary), meter(BULK_LANE, stream));
        Self {
            work,
            interactive: Admission::new(config.max_interactive, config.max_bytes).metered(query),
            bulk: Admission::new(config.max_documents, config.max_bytes).metered(bulk),
            results: ResultSlots::new(slots),
        }
    }

    /// Returns the permits of an urgency.
    pub fn of(&self, urgency: Urgency) -> &Admission {
        match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Bulk => &self.bulk,
        }
    }

    /// Returns one client's tickets and the receiver of its results. A unary call has slots of its own, for its results
    /// are collected at once; streams share theirs.
    pub fn tickets<K, T>(&self, urgency: Urgency) -> (Tickets<K, T>, ResultReceiver<K, T>) {
        let admission = self.of(urgency).clone();
        match urgency {
            Urgency::Interactive => {
                let slots = admission.max_documents();
                Tickets::new(admission, slots)
            }
            Urgency::Bulk => Tickets::sharing(admission, &self.results),
        }
    }

    /// Sets the gauges of how many are held, and how many there are.
    pub fn observe(&self) {
        for (lane, admission) in [(QUERY_LANE, &self.interactive), (BULK_LANE, &self.bulk)] {
            gauge!(names::PERMITS, "work" => self.work, "lane" => lane).set(admission.held() as f64);
            gauge!(names::PERMITS_LIMIT, "work" => self.work, "lane" => lane).set(admission.max_documents() as f64);
        }
        gauge!(names::RESULTS_WAITING, "work" => self.work).set(self.results.waiting() as f64);
    }
}
