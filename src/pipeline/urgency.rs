//! Priority of work in the pipeline.

/// Priority class of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Unary calls, whose client waits for the result. Use the query lane.
    Interactive,
    /// Streams, which need throughput rather than latency. Use the bulk lane.
    Bulk,
}

/// Value of the metrics label `lane` for [`Urgency::Interactive`].
pub const QUERY_LANE: &str = "query";
/// Value of the metrics label `lane` for [`Urgency::Bulk`].
pub const BULK_LANE: &str = "bulk";
