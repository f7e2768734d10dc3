//! SHA-256 of a prefix of a file's content, by which a checkpoint identifies files.

use std::fmt;
use std::io;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Digest of the decompressed and decoded content up to a position. Serialized as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentDigest([u8; 32]);

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for ContentDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ContentDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&digits, &mut digest).map_err(serde::de::Error::custom)?;
        Ok(Self(digest))
    }
}

/// Hashes content incrementally; disabled if no checkpoint needs the digest.
#[derive(Clone)]
pub struct ContentHasher(Option<Sha256>);

impl ContentHasher {
    /// Creates a hasher, which is disabled unless `is_needed`.
    pub fn new(is_needed: bool) -> Self {
        Self(is_needed.then(Sha256::new))
    }

    /// Hashes the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// Returns the digest of all bytes so far; `None` if the hasher is disabled.
    pub fn digest(&self) -> Option<ContentDigest> {
        self.0.clone().map(|hasher| ContentDigest(hasher.finalize().into()))
    }
}

impl io::Write for ContentHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
