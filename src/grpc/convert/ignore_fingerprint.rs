//! `ignore_fingerprint`: accepts a collection that another encoder wrote.

use crate::catalog::FingerprintPolicy;

/// Converts `ignore_fingerprint`.
pub fn parse_ignore_fingerprint(ignore_fingerprint: bool) -> FingerprintPolicy {
    if ignore_fingerprint { FingerprintPolicy::IgnoreMismatch } else { FingerprintPolicy::RequireMatch }
}
