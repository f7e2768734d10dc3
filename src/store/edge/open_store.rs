//! The contents of an open store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::aliases::Aliases;
use super::directory::StoreDirectory;
use super::open_collection::OpenCollection;
use crate::store::StoreError;

/// The directory, collections and aliases of an open store.
#[derive(Debug)]
pub(super) struct OpenStore {
    pub(super) directory: Arc<StoreDirectory>,
    pub(super) collections: BTreeMap<String, OpenCollection>,
    pub(super) aliases: Aliases,
}

impl OpenStore {
    /// Finds a collection by its name, or by an alias.
    pub(super) fn find(&self, name: &str) -> Option<&OpenCollection> {
        let get = |name: &str| self.collections.get(name);
        get(name).or_else(|| get(self.aliases.get(name)?))
    }

    /// Waits until every writer has finished, and returns the first error.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let writers: Vec<_> = self.collections.into_values().map(|open| open.writer_thread).collect();
        let writer_died_error =
            || StoreError::Failed("a writer thread panicked; the next start repairs its collection".to_owned());
        let results: Vec<_> =
            writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err(writer_died_error()))).collect();
        results.into_iter().collect()
    }
}
