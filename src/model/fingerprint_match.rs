//! How a stored fingerprint relates to a model.

use super::legacy::LegacyIdentity;
use crate::types::Fingerprint;

/// How a stored fingerprint relates to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerprintMatch<'a> {
    /// The vectors are those of this model.
    Same,
    /// An earlier build wrote them with this model, but ignored these keys, as `file: key`.
    KeysIgnored(&'a [String]),
    Other,
}

impl<'a> FingerprintMatch<'a> {
    /// Compares the fingerprint of a collection with those of a model: its own, and the one of earlier builds.
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
