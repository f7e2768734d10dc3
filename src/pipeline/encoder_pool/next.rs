//! What happens to a text when it is encoded.

use std::sync::Arc;

use super::encoded::Encoded;
use crate::pipeline::admission::Finalizer;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::operation::Indexed;
use crate::pipeline::writer::StreamWriter;
use crate::types::Fault;

/// Bytes of one term of a vector: an index and a weight.
const TERM_BYTES: usize = 8;

/// The step after the encoder.
pub enum Next {
    /// The document that the text is of goes on to the writer.
    Write { document: Box<AdmittedDocument>, writer: Arc<StreamWriter> },
    /// The vector goes back to the client.
    Reply(Finalizer<u64, Encoded>),
    /// A test is called.
    #[cfg(test)]
    Probe(Box<dyn super::probe::Probe>),
}

impl Next {
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
    pub fn encoded(self, text: String, outcome: Result<Encoded, Fault>) {
        match self {
            Self::Write { document, writer } => write(*document, &writer, text, outcome),
            Self::Reply(finalizer) => finalizer.finish(outcome),
            #[cfg(test)]
            Self::Probe(probe) => probe.encoded(text, outcome),
        }
    }
}

fn write(mut admitted: AdmittedDocument, writer: &StreamWriter, text: String, outcome: Result<Encoded, Fault>) {
    match outcome {
        Ok(Encoded { vector, tokens, windows, truncated, pruned, took: _ }) => {
            let indexed = Indexed { tokens, windows, truncated, terms: vector.len(), pruned };
            admitted.document.text = text;
            admitted.receipt.encoded(indexed, TERM_BYTES * vector.len());
            writer.write(admitted, vector);
        }
        Err(fault) => drop(admitted.receipt.finish(Err(fault))),
    }
}
