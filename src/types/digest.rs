//! The digest of what a stored point was made of: a document that would become the same point need not be encoded again.
//!
//! See docs/adr/0040-content-digests.md.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::payload::{Payload, VERSION_FIELD};

/// The reserved payload field that keeps a point's digest.
pub const DIGEST_FIELD: &str = "_splade_digest";

/// Bytes of SHA-256 that are kept.
const DIGEST_BYTES: usize = 16;

/// The first 128 bits of SHA-256, in hexadecimal, of a document and of how it becomes a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(pub(super) String);

impl Digest {
    /// The digest of what was hashed.
    pub(super) fn from_hasher(hasher: Sha256) -> Self {
        Self(hex::encode(&hasher.finalize()[..DIGEST_BYTES]))
    }

    /// The digest that a stored payload has, if any.
    pub fn from_payload(payload: &Payload) -> Option<Self> {
        // A write without a version takes the stored one away: such a point is never unchanged.
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
