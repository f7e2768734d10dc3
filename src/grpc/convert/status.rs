//! Conversion of errors to gRPC statuses and to errors of items. No other module maps an [`ErrorReason`] to a status code.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proto::{ERROR_DOMAIN, ItemError};
use crate::types::{ApiError, ErrorReason};

/// Delay before a retry, unless the store or the server specifies one.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Maximum delay before a retry. Protects clients from an excessive delay in a response of the store.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(3_600);

/// Returns the delay to report, given the delay that the store or the server requested.
fn clamp_retry_delay(requested: Option<Duration>) -> Duration {
    requested.unwrap_or(DEFAULT_RETRY_DELAY).min(MAX_RETRY_DELAY)
}

/// Returns the canonical code of a reason.
fn to_code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::InvalidArgument
        | ErrorReason::MalformedDocument
        | ErrorReason::EmptyText
        | ErrorReason::TextTooLong
        | ErrorReason::InvalidVector
        | ErrorReason::StoreRefused => Code::InvalidArgument,
        ErrorReason::UnknownModel | ErrorReason::CollectionNotFound | ErrorReason::DocumentNotFound => Code::NotFound,
        ErrorReason::FingerprintMismatch | ErrorReason::IncompatibleCollection | ErrorReason::IncarnationMismatch => {
            Code::FailedPrecondition
        }
        ErrorReason::CollectionExists => Code::AlreadyExists,
        ErrorReason::StoreUnavailable | ErrorReason::StreamIdle | ErrorReason::Starting | ErrorReason::ShuttingDown => {
            Code::Unavailable
        }
        ErrorReason::Overloaded => Code::ResourceExhausted,
        ErrorReason::Cancelled => Code::DeadlineExceeded,
        ErrorReason::Unauthenticated => Code::Unauthenticated,
        ErrorReason::Unimplemented => Code::Unimplemented,
        ErrorReason::Internal | ErrorReason::EncodingFailed => Code::Internal,
    }
}

impl From<ApiError> for Status {
    /// Converts the error of a call, with details of the richer error model: field, reason and delay before a retry.
    fn from(error: ApiError) -> Self {
        let ApiError { reason, field, message, retry_after, metadata } = error;
        let code = to_code(reason);
        let metadata: HashMap<_, _> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details = ErrorDetails::with_error_info(reason.as_str(), ERROR_DOMAIN, metadata);
        if !field.is_empty() {
            details.add_bad_request_violation(&field, &message);
        }
        // Clients retry these codes; other errors have no delay, so that clients do not retry them.
        if matches!(code, Code::Unavailable | Code::ResourceExhausted) {
            details.set_retry_info(Some(clamp_retry_delay(retry_after)));
        }
        let message = if field.is_empty() { message } else { format!("{field}: {message}") };
        Self::with_error_details(code, message, details)
    }
}

impl From<ApiError> for ItemError {
    /// Converts the error of one item of a call. The call continues.
    fn from(error: ApiError) -> Self {
        let ApiError { reason, field, message, retry_after, metadata: _ } = error;
        let delay = reason.is_transient().then(|| clamp_retry_delay(retry_after));
        Self {
            code: to_code(reason).into(),
            reason: reason.as_str().to_owned(),
            field,
            message,
            retry_delay: delay.and_then(|delay| delay.try_into().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::ErrorReason as PublishedReason;

    /// Law: the API declares exactly the reasons that the server uses.
    #[test]
    fn every_reason_is_published() {
        let published = (1..).map_while(|number| PublishedReason::try_from(number).ok());
        let published: BTreeSet<_> =
            published.map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned()).collect();
        assert_eq!(published, ErrorReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect());
    }

    /// Law: a transient error is never the error of an item, and exactly the transient errors have a retry delay.
    #[test]
    fn only_transient_errors_have_delays() {
        for reason in ErrorReason::ALL {
            assert!(!(reason.is_transient() && reason.is_item_error()), "{reason:?}");
            let error = ItemError::from(ApiError::new(reason, "", "why"));
            assert_eq!(error.retry_delay.is_some(), reason.is_transient(), "{reason:?}");
        }
    }
}
