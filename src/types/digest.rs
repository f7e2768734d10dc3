//! Content digests of stored points, used to skip documents whose point would not change.
//!
//! See docs/adr/0040-content-digests.md.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::payload::{Payload, VERSION_FIELD};

/// Reserved payload field that stores a point's digest.
pub const DIGEST_FIELD: &str = "_splade_digest";

/// Number of bytes of the SHA-256 in a digest.
const DIGEST_BYTES: usize = 16;

/// First 128 bits, in hexadecimal, of a SHA-256 of a document and of all settings that determine its point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(pub(super) String);

impl Digest {
    /// Returns the digest of the hashed bytes.
    pub(super) fn from_hasher(hasher: Sha256) -> Self {
        Self(hex::encode(&hasher.finalize()[..DIGEST_BYTES]))
    }

    /// Returns the digest of a stored payload, if it has one.
    pub fn from_payload(payload: &Payload) -> Option<Self> {
        // Writing the document without a version removes the stored version, so such a point always changes.
        if payload.contains_key(VERSION_FIELD) {
            return None;
        }
        payload.get(DIGEST_FIELD)?.as_str().map(|digest| Self(digest.to_owned()))
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Self {
        Self::String(digest.0)
    }
}
