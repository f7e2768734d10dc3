//! Fuzzes the model loader with damaged model directories: one of the small test models after a few edits of its files.
//!
//! Random bytes would rarely get past the first file. So an input is a list of edits.

#![no_main]

mod edit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::{Corpus, fuzz_target};

use edit::Edit;

/// Base models, one of each kind: families, shards, a pickle, routers with both kinds of static tables.
const MODELS: [&str; 8] = [
    "bert-random-tied",
    "bert-random-bin",
    "distilbert-random-sharded",
    "modernbert-random-tied",
    "roberta-random-tied",
    "xlm-roberta-random-tied",
    "router-random-idf-json",
    "router-random-static",
];

/// Files of a directory by relative path.
type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Debug, Arbitrary)]
struct Input {
    model: u8,
    edits: Vec<Edit>,
}

static CLEAN: LazyLock<Vec<Files>> = LazyLock::new(|| {
    // The tokenizers library may panic on invalid files. The service catches that, so only a panic that reaches the target
    // is a finding; libFuzzer's own hook would abort on every panic.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/models");
    MODELS.iter().map(|name| read(&models.join(name))).collect()
});

fuzz_target!(|input: Input| -> Corpus {
    if input.edits.len() > 8 {
        return Corpus::Reject;
    }
    let mut files = CLEAN[usize::from(input.model) % CLEAN.len()].clone();
    input.edits.iter().for_each(|edit| edit.apply(&mut files));
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.expect("a temporary directory");
    for (path, bytes) in &files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(path, bytes).expect("a file");
    }
    splade_sidecar::fuzzing::check_model(dir.path());
    Corpus::Keep
});

fn read(dir: &Path) -> Files {
    let mut files = Files::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in next.read_dir().expect("the directories of tests/data/models") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => pending.push(path),
                false => {
                    let name = path.strip_prefix(dir).expect("a path in the directory").to_owned();
                    files.insert(name, std::fs::read(&path).expect("a file"));
                }
            }
        }
    }
    files
}
