//! Every metric's name, kind, labels, unit and meaning, once. Names and labels are a contract: dashboards, alerts and
//! autoscalers are made of them, and the table in docs/operations.md is generated from this one.
//!
//! Labels have few values: those listed here, the names of models that the operator chose, and the calls of the contract.
//! Nothing that a client makes up (an id, a collection, a text) is ever a label.
//!
//! See docs/adr/0047-metrics.md.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// How a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only rises, until the process ends.
    Counter,
    /// As it is now.
    Gauge,
    /// How many were at most so large, by bucket.
    Histogram,
}

/// A label and its values; none listed: they are not known beforehand.
pub type Label = (&'static str, &'static [&'static str]);

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    /// What is counted or measured: plain numbers, seconds, a share of 1.
    pub unit: Unit,
    pub labels: &'static [Label],
    pub help: &'static str,
}

macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal $unit:ident [$($label:literal: $values:expr),*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All metrics, by stage.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: Unit::$unit,
            labels: &[$(($label, $values)),*],
            help: $help,
        }),*];
    };
}

/// Calls that bring documents or texts.
const INPUT_CALLS: &[&str] = &["ingest", "upsert", "encode", "encode_stream"];
const LANES: &[&str] = &["query", "bulk"];
const WORK_KINDS: &[&str] = &["documents", "texts"];
const STREAM_CALLS: &[&str] = &["ingest", "encode_stream"];
const LISTENERS: &[&str] = &["tcp", "unix", "http"];

metrics! {
    Counter RECEIVED "splade_documents_received_total" Count ["call": INPUT_CALLS]
        "Documents and texts that were read from the network";
    Counter ADMITTED "splade_admitted_total" Count ["work": WORK_KINDS, "lane": LANES]
        "Documents and texts that were given a permit, by the lane they go through";
    Gauge PERMITS "splade_permits_held" Count ["work": WORK_KINDS, "lane": LANES]
        "Documents and texts that hold a permit now: read, and without their result";
    Gauge PERMITS_LIMIT "splade_permits_limit" Count ["work": WORK_KINDS, "lane": LANES]
        "How many permits there are";
    Gauge RESULTS_WAITING "splade_results_waiting" Count ["work": WORK_KINDS]
        "Results of streams that wait for their clients to take them";
    Histogram DOCUMENT_SECONDS "splade_document_seconds" Seconds ["call": INPUT_CALLS]
        "Time from a document's or text's permit to its result; queries of Search and Explain count as encode";
    Gauge QUEUE_DEPTH "splade_queue_depth" Count ["lane": LANES]
        "Texts that wait for an encoder thread";
    Gauge QUEUE_AGE "splade_queue_age_seconds" Seconds ["lane": LANES]
        "How long the oldest of them has waited; 0 if none waits";
    Histogram QUEUE_SECONDS "splade_queue_seconds" Seconds ["lane": LANES]
        "Time that a text waited for an encoder thread";
    Gauge ENCODER_THREADS "splade_encoder_threads" Count []
        "Encoder threads";
    Counter TOKENS "splade_tokens_total" Count ["model": &[]]
        "Tokens encoded, special ones included";
    Histogram BATCH_TEXTS "splade_encode_batch_texts" Count []
        "Texts, or windows of a text, of one encoder batch";
    Histogram BATCH_TOKENS "splade_encode_batch_tokens" Count []
        "Tokens of one encoder batch";
    Histogram BATCH_FILL "splade_encode_batch_fill_ratio" Percent []
        "Tokens of one encoder batch as a share of --batch-tokens; a longer text counts as 1";
    Histogram ENCODE_SECONDS "splade_encode_seconds" Seconds []
        "Time to encode one batch; the rate of its sum, divided by splade_encoder_threads, is how busy they are";
    Histogram VECTOR_TERMS "splade_vector_terms" Count ["role": &["document", "query"]]
        "Terms of one vector, as it is stored or answered";
    Counter TRUNCATED "splade_texts_truncated_total" Count []
        "Texts that were cut to the model's max length";
    Counter WINDOWED "splade_texts_windowed_total" Count []
        "Texts longer than the model takes that were encoded as several windows";
    Counter ENCODER_FAILURES "splade_encoder_failures_total" Count []
        "Batches on which an encoder panicked or failed";
    Counter NONFINITE_VECTORS "splade_nonfinite_vectors_total" Count ["model": &[]]
        "Texts, or windows of a text, whose vector is not finite (NaN or infinity); their texts are rejected";
    Histogram UPSERT_POINTS "splade_upsert_points" Count []
        "Points of one upsert";
    Histogram UPSERT_SECONDS "splade_upsert_seconds" Seconds ["outcome": &["ok", "retry", "error"]]
        "Time of one attempt to write an upsert";
    Counter UPSERT_RETRIES "splade_upsert_retries_total" Count
        ["reason": &["unavailable", "interrupted", "internal", "overloaded", "timeout"]]
        "Upserts and deletes that were retried";
    Gauge UPSERTS_IN_FLIGHT "splade_upserts_in_flight" Count []
        "Upserts and deletes in flight, of all collections";
    Gauge UPSERTS_LIMIT "splade_upserts_in_flight_limit" Count []
        "Maximum number of upserts and deletes in flight now, of all collections that are written to";
    Counter INDEXED "splade_documents_indexed_total" Count []
        "Documents that the store confirmed";
    Counter UNCHANGED "splade_documents_unchanged_total" Count []
        "Documents that were stored already, and left as they are";
    Counter DELETED "splade_documents_deleted_total" Count []
        "Ids whose deletion the store confirmed, whether they had a document or not";
    Counter REJECTED "splade_documents_rejected_total" Count ["reason": &[]]
        "Operations, documents and texts that were rejected or failed, by the reason that their client was told";
    Histogram SEARCH_SECONDS "splade_search_seconds" Seconds []
        "Time of one search in the store";
    Counter CALLS "splade_calls_total" Count ["method": &[], "code": &[]]
        "Calls that ended, by the gRPC status that they ended with; CANCELLED too where the client went away";
    Histogram CALL_SECONDS "splade_call_seconds" Seconds ["method": &[]]
        "Time from a call's headers to its status";
    Gauge STREAMS "splade_streams_open" Count ["call": STREAM_CALLS]
        "Open streams";
    Gauge CONNECTIONS "splade_connections_open" Count ["listener": LISTENERS]
        "Open connections";
    Counter UNAUTHENTICATED "splade_unauthenticated_total" Count []
        "Calls that were refused for want of a token";
    Gauge READY "splade_ready" Count []
        "1 if the server takes every call: the models are loaded, the store answers, and it is not stopping";
    Gauge STORE_UP "splade_store_up" Count []
        "1 if the store answered when it was last asked, which is once a second";
    Gauge BUILD_INFO "splade_build_info" Count ["version": &[], "revision": &[]]
        "Always 1";
    Gauge MODEL_INFO "splade_model_info" Count
        ["model": &[], "architecture": &[], "dtype": &[], "device": &[], "fingerprint": &[]]
        "Always 1, for each model";
    Gauge STORE_INFO "splade_store_info" Count ["kind": &["embedded", "qdrant"]]
        "1 for the kind of store in use";
}

/// Tells the recorder what each metric means, and begins every counter whose labels are known at 0: a rate over a counter
/// that appears with its first event misses that event.
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

/// Every set of values of these labels; none if one of them is not known beforehand.
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
    fn names_tell_kinds_and_units() {
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
