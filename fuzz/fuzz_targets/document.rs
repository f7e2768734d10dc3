//! Fuzzes `Document` messages of a stream.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| splade_sidecar::fuzzing::check_document(bytes));
