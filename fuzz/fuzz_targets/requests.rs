//! The same bytes as a `SearchRequest`, as the `IngestOptions` of a stream and as one of its operations: filters, vectors,
//! pruning, names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    splade_sidecar::fuzzing::search_request(bytes);
    splade_sidecar::fuzzing::ingest_options(bytes);
    splade_sidecar::fuzzing::operation(bytes);
});
