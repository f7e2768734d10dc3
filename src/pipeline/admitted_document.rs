//! A document on its way through the pipeline.

use super::receipt::Receipt;
use crate::types::{Digest, Document};

/// A document with its permit and the duty to answer for it.
#[derive(Debug)]
pub struct AdmittedDocument {
    /// While it is encoded, the encoder has its text.
    pub document: Document,
    /// Digest of what its point is made of.
    pub digest: Digest,
    pub receipt: Receipt,
}
