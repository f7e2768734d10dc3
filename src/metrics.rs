//! Definitions of all metrics: name, kind, labels, unit and help text.
//!
//! Names and labels are a stable contract: dashboards, alerts and autoscalers depend on them. The table in
//! docs/operations.md is generated from this module.
//!
//! Labels have low cardinality: the values listed here, the names of configured models, and the methods of the API.
//! Client data (ids, collections, texts) is never a label.
//!
//! See docs/adr/0047-metrics.md.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Monotonic count since the start of the process.
    Counter,
    /// Current value.
    Gauge,
    /// Distribution over cumulative buckets.
    Histogram,
}

/// Label name and its possible values; an empty list means that the values are not known in advance.
pub type Label = (&'static str, &'static [&'static str]);

/// Definition of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    /// Unit of the value: a count, seconds, or a ratio (`Percent`, recorded as 0 to 1).
    pub unit: Unit,
    pub labels: &'static [Label],
    pub help: &'static str,
}

macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal $unit:ident [$($label:literal: $values:expr),*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All metrics, in the order of the pipeline's stages.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: Unit::$unit,
            labels: &[$(($label, $values)),*],
            help: $help,
        }),*];
    };
}

/// Calls that carry documents or texts.
const INPUT_CALLS: &[&str] = &["ingest", "upsert", "encode", "encode_stream"];
const LANES: &[&str] = &["query", "bulk"];
const WORK_KINDS: &[&str] = &["documents", "texts"];
const STREAM_CALLS: &[&str] = &["ingest", "encode_stream"];
const LISTENERS: &[&str] = &["tcp", "unix", "http"];

metrics! {
    Counter RECEIVED "splade_documents_received_total" Count ["call": INPUT_CALLS]
        "Documents and texts read from the network";
    Counter ADMITTED "splade_admitted_total" Count ["work": WORK_KINDS, "lane": LANES]
        "Documents and texts that received a permit, by lane";
    Gauge PERMITS "splade_permits_held" Count ["work": WORK_KINDS, "lane": LANES]
        "Documents and texts that hold a permit: read, but without a result yet";
    Gauge PERMITS_LIMIT "splade_permits_limit" Count ["work": WORK_KINDS, "lane": LANES]
        "Maximum number of permits";
    Gauge RESULTS_WAITING "splade_results_waiting" Count ["work": WORK_KINDS]
        "Results of streams not yet taken by their clients";
    Histogram DOCUMENT_SECONDS "splade_document_seconds" Seconds ["call": INPUT_CALLS]
        "Time from permit to result of a document or text; queries of Search and Explain count as encode";
    Gauge QUEUE_DEPTH "splade_queue_depth" Count ["lane": LANES]
        "Texts waiting for an encoder thread";
    Gauge QUEUE_AGE "splade_queue_age_seconds" Seconds ["lane": LANES]
        "Queue time so far of the oldest text waiting for an encoder thread; 0 if none waits";
    Histogram QUEUE_SECONDS "splade_queue_seconds" Seconds ["lane": LANES]
        "Time a text waited for an encoder thread";
    Gauge ENCODER_THREADS "splade_encoder_threads" Count []
        "Number of encoder threads";
    Counter TOKENS "splade_tokens_total" Count ["model": &[]]
        "Tokens encoded, including special tokens";
    Histogram BATCH_TEXTS "splade_encode_batch_texts" Count []
        "Texts per encoder batch; a window of a long text counts as a text";
    Histogram BATCH_TOKENS "splade_encode_batch_tokens" Count []
        "Tokens per encoder batch";
    Histogram BATCH_FILL "splade_encode_batch_fill_ratio" Percent []
        "Tokens per encoder batch divided by --max-batch-tokens, at most 1";
    Histogram ENCODE_SECONDS "splade_encode_seconds" Seconds []
        "Time to encode one batch; the rate of its sum divided by splade_encoder_threads is their utilization";
    Histogram VECTOR_TERMS "splade_vector_terms" Count ["role": &["document", "query"]]
        "Terms per vector, as stored or returned";
    Counter TRUNCATED "splade_texts_truncated_total" Count []
        "Texts truncated to the model's maximum length";
    Counter WINDOWED "splade_texts_windowed_total" Count []
        "Texts longer than the model's maximum length that were encoded as several windows";
    Counter ENCODER_FAILURES "splade_encoder_failures_total" Count []
        "Encoder batches that failed or panicked";
    Counter NONFINITE_VECTORS "splade_nonfinite_vectors_total" Count ["model": &[]]
        "Texts, or windows of a text, rejected because their vector is not finite (NaN or infinity)";
    Histogram UPSERT_POINTS "splade_upsert_points" Count []
        "Points per upsert";
    Histogram UPSERT_SECONDS "splade_upsert_seconds" Seconds ["outcome": &["ok", "retry", "error"]]
        "Time per attempt of an upsert";
    Counter UPSERT_RETRIES "splade_upsert_retries_total" Count
        ["reason": &["unavailable", "interrupted", "internal", "overloaded", "timeout"]]
        "Retries of upserts and deletes";
    Gauge UPSERTS_IN_FLIGHT "splade_upserts_in_flight" Count []
        "Upserts and deletes in flight, over all collections";
    Gauge UPSERTS_LIMIT "splade_upserts_in_flight_limit" Count []
        "Current limit on upserts and deletes in flight, summed over all collections being written to";
    Counter INDEXED "splade_documents_indexed_total" Count []
        "Documents whose upsert the store confirmed";
    Counter UNCHANGED "splade_documents_unchanged_total" Count []
        "Documents skipped because an identical point was already stored";
    Counter DELETED "splade_documents_deleted_total" Count []
        "Ids whose deletion the store confirmed, including ids without a document";
    Counter REJECTED "splade_documents_rejected_total" Count ["reason": &[]]
        "Operations, documents and texts that were rejected or failed, by the reason reported to the client";
    Histogram SEARCH_SECONDS "splade_search_seconds" Seconds []
        "Time per search request to the store";
    Counter CALLS "splade_calls_total" Count ["method": &[], "code": &[]]
        "Completed calls by gRPC status; CANCELLED if the client disconnected";
    Histogram CALL_SECONDS "splade_call_seconds" Seconds ["method": &[]]
        "Time from a call's request headers to its status";
    Gauge STREAMS "splade_streams_open" Count ["call": STREAM_CALLS]
        "Number of open streams";
    Gauge CONNECTIONS "splade_connections_open" Count ["listener": LISTENERS]
        "Number of open connections";
    Counter UNAUTHENTICATED "splade_unauthenticated_total" Count []
        "Calls refused because of a missing or invalid token";
    Gauge READY "splade_ready" Count []
        "1 if the server accepts all calls: models are loaded, the store is reachable, and it is not shutting down";
    Gauge STORE_UP "splade_store_up" Count []
        "1 if the last probe of the store succeeded; the store is probed once a second";
    Gauge BUILD_INFO "splade_build_info" Count ["version": &[], "revision": &[]]
        "Version and revision of the build; always 1";
    Gauge MODEL_INFO "splade_model_info" Count
        ["model": &[], "architecture": &[], "dtype": &[], "device": &[], "fingerprint": &[]]
        "Loaded models and their settings; always 1";
    Gauge STORE_INFO "splade_store_info" Count ["kind": &["embedded", "qdrant"]]
        "Kind of store in use; always 1";
}

/// Registers the descriptions of all metrics, and initializes each counter with known labels to 0: `rate()` of a
/// counter that first appears with its first event misses that event.
pub fn describe() {
    for &Metric { name, kind, unit, labels, help } in ALL {
        match kind {
            MetricKind::Counter => describe_counter!(name, unit, help),
            MetricKind::Gauge => describe_gauge!(name, unit, help),
            MetricKind::Histogram => describe_histogram!(name, unit, help),
        }
        if kind == MetricKind::Counter {
            combine_labels(labels).into_iter().for_each(|labels| counter!(name, &labels).increment(0));
        }
    }
}

/// Returns each combination of label values; empty if the values of a label are not known in advance.
fn combine_labels(labels: &[Label]) -> Vec<Vec<(&'static str, &'static str)>> {
    labels.iter().fold(vec![Vec::new()], |sets, &(label, values)| {
        let extended = sets.iter().flat_map(|set| values.iter().map(|&value| [&set[..], &[(label, value)]].concat()));
        extended.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_kinds_and_units() {
        for metric in ALL {
            assert!(metric.name.starts_with("splade_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_ratio"), metric.unit == Unit::Percent, "{}", metric.name);
        }
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn labels_are_combined() {
        assert_eq!(combine_labels(&[]), [[]]);
        let both = combine_labels(&[("work", &["documents", "texts"]), ("lane", &["query"])]);
        assert_eq!(both, [[("work", "documents"), ("lane", "query")], [("work", "texts"), ("lane", "query")]]);
        assert!(combine_labels(&[("work", WORK_KINDS), ("model", &[])]).is_empty());
    }
}
