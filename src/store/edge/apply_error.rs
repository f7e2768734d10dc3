//! Error of a change that was not applied in full.

use crate::store::StoreError;

/// Error of a change, with the extent to which it was applied.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// Nothing was changed.
    Refused(StoreError),
    /// Any of the change's points may have been changed.
    Partial(StoreError),
}

impl ApplyError {
    /// Returns the cause.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) | Self::Partial(error) => error,
        }
    }
}
