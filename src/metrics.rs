//! Every metric's name, unit and meaning, once.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Documents read from the network. Label `call`: ingest, upsert, encode, encode_stream.
pub const RECEIVED: &str = "splade_documents_received_total";
/// Documents that the store confirmed.
pub const INDEXED: &str = "splade_documents_indexed_total";
/// Documents that were stored already, and left as they are.
pub const UNCHANGED: &str = "splade_documents_unchanged_total";
/// Documents that were refused. Label `reason`: see `Reason`.
pub const REJECTED: &str = "splade_documents_rejected_total";
/// Texts that were cut to the model's length.
pub const TRUNCATED: &str = "splade_texts_truncated_total";
/// Texts that were encoded as several windows.
pub const WINDOWED: &str = "splade_texts_windowed_total";
/// Documents that hold a permit.
pub const PERMITS: &str = "splade_permits_held";
/// Texts that wait for an encoder thread. Label `lane`: query, bulk.
pub const QUEUE_DEPTH: &str = "splade_queue_depth";
/// Time that a text waited for an encoder thread. Label `lane`: query, bulk.
pub const QUEUE_SECONDS: &str = "splade_queue_seconds";
/// Tokens encoded.
pub const TOKENS: &str = "splade_tokens_total";
/// Texts, or windows of a text, of one encoder batch.
pub const BATCH_TEXTS: &str = "splade_encode_batch_texts";
/// Tokens of one encoder batch.
pub const BATCH_TOKENS: &str = "splade_encode_batch_tokens";
/// Time to encode one batch.
pub const ENCODE_SECONDS: &str = "splade_encode_seconds";
/// Times that an encoder panicked or failed.
pub const ENCODER_FAILURES: &str = "splade_encoder_failures_total";
/// Points of one upsert.
pub const UPSERT_POINTS: &str = "splade_upsert_points";
/// Time of one upsert, retries not included. Label `outcome`: ok, retry, error.
pub const UPSERT_SECONDS: &str = "splade_upsert_seconds";
/// Upserts under way.
pub const UPSERTS_IN_FLIGHT: &str = "splade_upserts_in_flight";
/// Time of one call to the store's search.
pub const SEARCH_SECONDS: &str = "splade_search_seconds";
/// Open streams. Label `call`: ingest, encode_stream.
pub const STREAMS: &str = "splade_streams_open";
/// Open connections. Label `listener`: tcp, unix.
pub const CONNECTIONS: &str = "splade_connections_open";
/// Calls that were refused for want of a token.
pub const UNAUTHENTICATED: &str = "splade_unauthenticated_total";

/// Tells the recorder what each metric means.
pub fn describe() {
    describe_counter!(RECEIVED, Unit::Count, "Documents read from the network, by call");
    describe_counter!(INDEXED, Unit::Count, "Documents that the store confirmed");
    describe_counter!(UNCHANGED, Unit::Count, "Documents that were stored already, and left as they are");
    describe_counter!(REJECTED, Unit::Count, "Documents that were refused, by reason");
    describe_counter!(TRUNCATED, Unit::Count, "Texts that were cut to the model's max length");
    describe_counter!(WINDOWED, Unit::Count, "Texts longer than the model takes that were encoded as several windows");
    describe_gauge!(PERMITS, Unit::Count, "Documents that hold a permit");
    describe_gauge!(QUEUE_DEPTH, Unit::Count, "Texts that wait for an encoder thread, by lane");
    describe_histogram!(QUEUE_SECONDS, Unit::Seconds, "Time that a text waited for an encoder thread, by lane");
    describe_counter!(TOKENS, Unit::Count, "Tokens encoded");
    describe_histogram!(BATCH_TEXTS, Unit::Count, "Texts, or windows of a text, of one encoder batch");
    describe_histogram!(BATCH_TOKENS, Unit::Count, "Tokens of one encoder batch");
    describe_histogram!(ENCODE_SECONDS, Unit::Seconds, "Time to encode one batch");
    describe_counter!(ENCODER_FAILURES, Unit::Count, "Batches on which an encoder panicked or failed");
    describe_histogram!(UPSERT_POINTS, Unit::Count, "Points of one upsert");
    describe_histogram!(UPSERT_SECONDS, Unit::Seconds, "Time of one upsert call, by outcome");
    describe_gauge!(UPSERTS_IN_FLIGHT, Unit::Count, "Upserts under way");
    describe_histogram!(SEARCH_SECONDS, Unit::Seconds, "Time of one search in the store");
    describe_gauge!(STREAMS, Unit::Count, "Open streams, by call");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections, by listener");
    describe_counter!(UNAUTHENTICATED, Unit::Count, "Calls that were refused for want of a token");
}
