//! Fuzzes request messages: decodes the same bytes as a `SearchRequest`, as the `IngestOptions` of a stream and as one of
//! its operations. Covers filters, vectors, pruning and names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    splade_sidecar::fuzzing::check_search_request(bytes);
    splade_sidecar::fuzzing::check_ingest_options(bytes);
    splade_sidecar::fuzzing::check_operation(bytes);
});
