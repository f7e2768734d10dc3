//! Fuzzes texts with the tokenizers of the small test models: WordPiece, BPE and Unigram. The first byte selects one.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use splade_sidecar::model::{Backend, Model};

const MODELS: [&str; 4] =
    ["bert-random-tied", "roberta-random-tied", "xlm-roberta-random-tied", "modernbert-random-tied"];

static LOADED: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/models");
    let load = |name: &&str| Model::load(name, &dir.join(name), &Backend::default()).expect("a valid model");
    MODELS.iter().map(load).collect()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let model = &LOADED[usize::from(choice) % LOADED.len()];
    splade_sidecar::fuzzing::check_text(model, &String::from_utf8_lossy(bytes));
});
