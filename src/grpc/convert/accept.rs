//! Whether a collection that another encoder wrote is accepted.

use crate::catalog::Accept;

/// Converts `ignore_fingerprint`.
pub fn accept(ignore_fingerprint: bool) -> Accept {
    if ignore_fingerprint { Accept::AnyEncoder } else { Accept::SameEncoder }
}
