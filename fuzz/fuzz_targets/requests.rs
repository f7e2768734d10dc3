//! The same bytes as a `SearchRequest` and as the `IngestOptions` of a stream: filters, vectors, pruning, names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    splade_sidecar::fuzzing::search_request(bytes);
    splade_sidecar::fuzzing::ingest_options(bytes);
});
