//! The inputs that the fuzzer found worth keeping: the laws of the fuzz targets hold for them on every test run.

use std::path::{Path, PathBuf};

use crate::fuzzing;
use crate::model::{Backend, Model};

fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "{target} has only {} inputs", inputs.len());
    inputs.iter().for_each(|input| check(&std::fs::read(input).unwrap()));
}

#[test]
fn documents() {
    each("document", fuzzing::document);
}

#[test]
fn requests() {
    each("requests", |bytes| {
        fuzzing::search_request(bytes);
        fuzzing::ingest_options(bytes);
        fuzzing::operation(bytes);
    });
}

#[test]
fn lines() {
    each("jsonl", fuzzing::json_lines);
}

#[test]
fn rows() {
    each("csv", fuzzing::csv);
    #[cfg(feature = "parquet")]
    each("parquet", fuzzing::parquet);
}

#[test]
fn texts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/xlm-roberta-random-tied");
    let model = Model::load("xlm-roberta-random-tied", &folder, &Backend::default()).unwrap();
    each("tokenizer", |bytes| fuzzing::text(&model, &String::from_utf8_lossy(bytes)));
}
