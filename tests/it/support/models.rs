//! Models to test with.

use std::path::PathBuf;

use splade_sidecar::model::{Backend, Model};

/// The folder of a small random model that the project carries.
pub fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name)
}

/// The folder of splade-tiny, which `scripts/fetch_model.py` fetches; says so and gives `None` where it is absent.
pub fn splade_tiny() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = match std::env::var_os("SPLADE_MODEL_DIR") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => cache.map(|cache| cache.join("splade-sidecar/models/splade-tiny")),
    };
    let folder = folder.filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("skipped: splade-tiny is not here; fetch it with scripts/fetch_model.py or set SPLADE_MODEL_DIR");
    }
    folder
}

/// A small random model.
pub fn random(name: &str) -> Model {
    Model::load(name, &folder(name), &Backend::default()).unwrap()
}
