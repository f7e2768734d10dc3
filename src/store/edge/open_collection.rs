//! An open collection and the thread that writes it.

use std::sync::Arc;

use super::collection::EdgeCollection;
use super::directory::StoreDirectory;
use super::writer::WriterThread;
use crate::store::StoreError;

/// An open collection with its writer thread.
#[derive(Debug)]
pub(super) struct OpenCollection {
    pub(super) collection: Arc<EdgeCollection>,
    pub(super) writer_thread: WriterThread,
}

impl OpenCollection {
    /// Opens a collection and starts its writer.
    pub(super) fn new(
        name: &str,
        store_dir: &Arc<StoreDirectory>,
        optimize_after_points: usize,
    ) -> Result<Self, StoreError> {
        let (collection, writer_thread) = EdgeCollection::open(name, store_dir, optimize_after_points)?;
        Ok(Self { collection: Arc::new(collection), writer_thread })
    }

    /// Checks that the collection can be written to.
    pub(super) fn check_writable(&self, name: &str) -> Result<(), StoreError> {
        if self.writer_thread.is_finished() {
            return Err(StoreError::Failed(format!("the writer thread of `{name}` panicked; restart this process")));
        }
        self.collection.check_in_service()
    }
}
