//! Options of the first message of a stream.

use super::IngestCommand;
use crate::proto::{CollectionOptions, IngestOptions, SparseVectorOptions};

impl IngestCommand {
    /// Returns the options of the streams. If files are read again (`reads_again`), unchanged documents are not encoded again.
    pub(super) fn build_ingest_options(&self, reads_again: bool) -> IngestOptions {
        IngestOptions {
            collection: self.collection.clone(),
            model: self.model.clone(),
            create_collection: self.create_collection,
            collection_options: self.create_collection.then(|| self.build_collection_options()),
            encoding: Some(self.long_text.encoding_options(self.prune)),
            text_field: self.stored_text_field.clone(),
            batch_points: self.batch_points,
            skip_unchanged: self.skip_unchanged || reads_again,
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            // The default is a result for every document: the summary sums them up.
            ..IngestOptions::default()
        }
    }

    /// Returns the options of a new collection.
    pub(super) fn build_collection_options(&self) -> CollectionOptions {
        let vector_name = Some(&self.vector_name).filter(|name| !name.is_empty());
        let sparse_vectors =
            vector_name.map(|name| (name.clone(), SparseVectorOptions::default())).into_iter().collect();
        self.collection_options.apply(CollectionOptions { sparse_vectors, ..CollectionOptions::default() })
    }
}
