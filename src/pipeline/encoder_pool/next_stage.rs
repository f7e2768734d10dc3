//! Next stage of a text after its encoding.

use std::sync::Arc;

use super::encoded_vector::EncodedVector;
use crate::pipeline::admission::Finalizer;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::operation::IndexingStats;
use crate::pipeline::writer::StreamWriter;
use crate::types::ApiError;

/// Size of one term of a vector: a `u32` index and an `f32` weight.
const TERM_BYTES: usize = 8;

/// Destination of an encoded text.
pub enum NextStage {
    /// Writes the text's document to the store.
    Write { document: Box<AdmittedDocument>, writer: Arc<StreamWriter> },
    /// Sends the vector to the client.
    Reply(Finalizer<u64, EncodedVector>),
    /// Calls a test.
    #[cfg(test)]
    Probe(Box<dyn super::probe::Probe>),
}

impl NextStage {
    /// Returns true if the result is not needed any more: the text is then dropped before it is encoded.
    pub fn is_abandoned(&self) -> bool {
        match self {
            Self::Write { document, .. } => document.receipt.is_abandoned(),
            Self::Reply(finalizer) => finalizer.is_abandoned(),
            #[cfg(test)]
            Self::Probe(probe) => probe.is_abandoned(),
        }
    }

    /// Passes on the text and its vector, or an error. Never waits, because encoder threads call it.
    pub fn complete(self, text: String, outcome: Result<EncodedVector, ApiError>) {
        match self {
            Self::Write { document, writer } => write_document(*document, &writer, text, outcome),
            Self::Reply(finalizer) => finalizer.finish(outcome),
            #[cfg(test)]
            Self::Probe(probe) => probe.complete(text, outcome),
        }
    }
}

fn write_document(
    mut admitted: AdmittedDocument,
    writer: &StreamWriter,
    text: String,
    outcome: Result<EncodedVector, ApiError>,
) {
    match outcome {
        Ok(EncodedVector { vector, tokens, windows, truncated, pruned, timings: _ }) => {
            let stats = IndexingStats { tokens, windows, truncated, terms: vector.len(), pruned };
            admitted.document.text = text;
            admitted.receipt.record_encoded(stats, TERM_BYTES * vector.len());
            writer.upsert(admitted, vector);
        }
        Err(error) => drop(admitted.receipt.finish(Err(error))),
    }
}
