//! Why a change was not applied.

use crate::store::StoreError;

/// Why a change was not applied, and what is left of it.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// Nothing was changed.
    Refused(StoreError),
    /// Any of its points may have been changed.
    Partial(StoreError),
}

impl ApplyError {
    /// The error itself.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) | Self::Partial(error) => error,
        }
    }
}
