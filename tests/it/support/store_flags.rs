//! The store of a server whose test doesn't choose one.

use std::path::Path;

/// Returns the flags of a server's default store: the embedded store in this directory. A build without the embedded
/// store uses a Qdrant server per directory, which runs until the tests end.
pub fn own_store_flags(directory: &Path) -> [String; 2] {
    #[cfg(feature = "embedded")]
    return ["--store-dir".to_owned(), directory.to_str().unwrap().to_owned()];
    #[cfg(not(feature = "embedded"))]
    return ["--qdrant-url".to_owned(), remote::url(directory)];
}

/// Returns whether the flags configure a store.
pub fn has_store_flag(flags: &[&str]) -> bool {
    ["--store-dir", "--qdrant-url"].iter().any(|flag| flags.contains(flag))
}

#[cfg(not(feature = "embedded"))]
mod remote {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex};

    use crate::support::qdrant_server::QdrantServer;

    static SERVERS: LazyLock<Mutex<HashMap<PathBuf, QdrantServer>>> = LazyLock::new(Mutex::default);

    pub fn url(directory: &Path) -> String {
        let mut servers = SERVERS.lock().unwrap();
        servers.entry(directory.to_owned()).or_insert_with(QdrantServer::start).url()
    }
}
