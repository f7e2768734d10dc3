//! An open collection and the thread that writes it.

use std::sync::Arc;

use super::collection::Collection;
use super::directory::StoreDirectory;
use super::writer::WriterThread;
use crate::store::StoreError;

/// A collection, and the thread that changes it.
#[derive(Debug)]
pub(super) struct OpenCollection {
    pub(super) collection: Arc<Collection>,
    pub(super) writer: WriterThread,
}

impl OpenCollection {
    /// Opens a collection and starts its writer.
    pub(super) fn new(name: &str, folder: &Arc<StoreDirectory>, merge_every: usize) -> Result<Self, StoreError> {
        let (collection, writer) = Collection::open(name, folder, merge_every)?;
        Ok(Self { collection: Arc::new(collection), writer })
    }

    /// Checks that the collection can be written to.
    pub(super) fn check(&self, name: &str) -> Result<(), StoreError> {
        if self.writer.is_finished() {
            return Err(StoreError::Failed(format!("the writer of `{name}` died; restart this process")));
        }
        self.collection.check_in_service()
    }
}
