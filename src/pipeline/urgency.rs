//! Whose work goes first.

/// Whether somebody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody does: unary calls. Goes through the query lane.
    Interactive,
    /// A stream, which is after throughput. Goes through the bulk lane.
    Bulk,
}

/// What metrics call the two lanes.
pub const QUERY_LANE: &str = "query";
pub const BULK_LANE: &str = "bulk";
