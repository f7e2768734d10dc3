//! What the client is told of a store's error.

use super::StoreError;
use crate::types::{Fault, Reason};

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let (reason, field, remedy) = match &error {
            StoreError::Unavailable(_)
            | StoreError::Interrupted(_)
            | StoreError::Internal(_)
            | StoreError::Overloaded { .. }
            | StoreError::Timeout(_) => (Reason::StoreUnavailable, "", "; try again later"),
            StoreError::CollectionNotFound(_) => {
                (Reason::CollectionNotFound, "collection", "; ingest with create_collection to make it")
            }
            StoreError::AlreadyExists(_) => (Reason::CollectionExists, "collection", "; use another name"),
            StoreError::InvalidOption { option, .. } => (Reason::InvalidArgument, *option, ""),
            StoreError::Refused(_) => (Reason::StoreRefused, "", ""),
            StoreError::Denied(_) => (Reason::Internal, "", "; the operator must check the service's API key"),
            StoreError::Failed(_) => (Reason::Internal, "", "; the operator must look at the service's log"),
        };
        let mut fault = Self::new(reason, field, format!("{error}{remedy}"));
        fault.retry_after = error.retry_after();
        fault
    }
}
