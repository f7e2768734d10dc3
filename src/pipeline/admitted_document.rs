//! A document admitted to the pipeline.

use super::receipt::Receipt;
use crate::types::{Digest, Document};

/// Document with its digest, permit and finalizer.
#[derive(Debug)]
pub struct AdmittedDocument {
    /// The text is moved out while the document is being encoded.
    pub document: Document,
    /// Digest of the document and of all settings that determine its point.
    pub digest: Digest,
    pub receipt: Receipt,
}
