//! Comparison of stored fingerprints with a model.

use super::legacy::LegacyIdentity;
use crate::types::Fingerprint;

/// Relation of a stored fingerprint to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintMatch<'a> {
    /// Vectors produced by this model.
    Same,
    /// Vectors produced by an earlier build with this model but without these keys, listed as `file: key`.
    KeysIgnored(&'a [String]),
    /// Vectors produced by another model.
    Other,
}

impl<'a> FingerprintMatch<'a> {
    /// Compares a collection's fingerprint with the model's current one and with the one that earlier builds computed.
    pub(super) fn compare(stored: &Fingerprint, current: &Fingerprint, legacy: Option<&'a LegacyIdentity>) -> Self {
        match legacy {
            _ if stored == current => Self::Same,
            Some(legacy) if *stored == legacy.fingerprint => match &legacy.ignored_keys[..] {
                [] => Self::Same,
                keys => Self::KeysIgnored(keys),
            },
            _ => Self::Other,
        }
    }
}
