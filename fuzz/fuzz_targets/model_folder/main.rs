//! A folder of a model, spoilt: one of the small models that the project carries, after a few edits of its files.
//!
//! Raw bytes would hardly ever get past the first file. So an input is a list of edits, and the fuzzer makes up the list.

#![no_main]

mod edit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::{Corpus, fuzz_target};

use edit::Edit;

/// One of each kind: families, shards, a pickle, routers with both kinds of static tables.
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

/// The files of a folder by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Debug, Arbitrary)]
struct Input {
    model: u8,
    edits: Vec<Edit>,
}

static CLEAN: LazyLock<Vec<Files>> = LazyLock::new(|| {
    // The tokenizers' library may panic on what its file says; the service makes an error of that, so only what comes as
    // far as the target is a find. (libFuzzer's own hook would end the process at once.)
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
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a temporary directory");
    for (path, bytes) in &files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        std::fs::write(path, bytes).expect("a file");
    }
    splade_sidecar::fuzzing::check_model(folder.path());
    Corpus::Keep
});

fn read(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().expect("the folders of tests/data/models") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).expect("a path in the folder").to_owned();
                    files.insert(name, std::fs::read(&path).expect("a file"));
                }
            }
        }
    }
    files
}
