//! Regression tests on the committed corpora: checks the properties of the fuzz targets on every test run.

use std::path::{Path, PathBuf};

use crate::fuzzing;
use crate::model::{Backend, Model};

fn check_corpus(target: &str, check: impl Fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<PathBuf> = dir.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "{target} has only {} inputs", inputs.len());
    inputs.iter().for_each(|input| check(&std::fs::read(input).unwrap()));
}

#[test]
fn documents() {
    check_corpus("document", fuzzing::check_document);
}

#[test]
fn requests() {
    check_corpus("requests", |bytes| {
        fuzzing::check_search_request(bytes);
        fuzzing::check_ingest_options(bytes);
        fuzzing::check_operation(bytes);
    });
}

#[test]
fn lines() {
    check_corpus("jsonl", fuzzing::check_json_lines);
}

#[test]
fn rows() {
    check_corpus("csv", fuzzing::check_csv);
    #[cfg(feature = "parquet")]
    check_corpus("parquet", fuzzing::check_parquet);
}

#[test]
fn texts() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/xlm-roberta-random-tied");
    let model = Model::load("xlm-roberta-random-tied", &dir, &Backend::default()).unwrap();
    check_corpus("tokenizer", |bytes| fuzzing::check_text(&model, &String::from_utf8_lossy(bytes)));
}
