//! What happens to a text when it is encoded.

use std::sync::Arc;

use super::encoded_vector::EncodedVector;
use crate::pipeline::admission::Finalizer;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::operation::IndexingStats;
use crate::pipeline::writer::StreamWriter;
use crate::types::ApiError;

/// Bytes of one term of a vector: an index and a weight.
const TERM_BYTES: usize = 8;

/// The step after the encoder.
pub enum NextStage {
    /// The document that the text is of goes on to the writer.
    Write { document: Box<AdmittedDocument>, writer: Arc<StreamWriter> },
    /// The vector goes back to the client.
    Reply(Finalizer<u64, EncodedVector>),
    /// A test is called.
    #[cfg(test)]
    Probe(Box<dyn super::probe::Probe>),
}

impl NextStage {
    /// Whether nobody waits for the vector any more: then the text is dropped before it is encoded.
    pub fn is_abandoned(&self) -> bool {
        match self {
            Self::Write { document, .. } => document.receipt.is_abandoned(),
            Self::Reply(finalizer) => finalizer.is_abandoned(),
            #[cfg(test)]
            Self::Probe(probe) => probe.is_abandoned(),
        }
    }

    /// Hands on the text and its vector, or the reason why there is none. Never waits: encoder threads call it.
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
