//! Fuzzes CSV files, as the `ingest` command reads them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| splade_sidecar::fuzzing::check_csv(bytes));
