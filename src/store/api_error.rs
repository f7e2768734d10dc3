//! Conversion of a [`StoreError`] into the [`ApiError`] that a client receives.

use super::StoreError;
use crate::types::{ApiError, ErrorReason};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (reason, field, remedy) = match &error {
            StoreError::Unavailable(_)
            | StoreError::Interrupted(_)
            | StoreError::Internal(_)
            | StoreError::Overloaded { .. }
            | StoreError::Timeout(_) => (ErrorReason::StoreUnavailable, "", "; retry later"),
            StoreError::CollectionNotFound(_) => {
                (ErrorReason::CollectionNotFound, "collection", "; set create_collection when ingesting to create it")
            }
            StoreError::AlreadyExists(_) => (ErrorReason::CollectionExists, "collection", "; choose a different name"),
            StoreError::InvalidOption { option, .. } => (ErrorReason::InvalidArgument, *option, ""),
            StoreError::Refused(_) => (ErrorReason::StoreRefused, "", ""),
            StoreError::Denied(_) => (ErrorReason::Internal, "", "; the operator must check the service's API key"),
            StoreError::Failed(_) => (ErrorReason::Internal, "", "; the operator must check the service's log"),
        };
        let mut api_error = Self::new(reason, field, format!("{error}{remedy}"));
        api_error.retry_after = error.retry_after();
        api_error
    }
}
