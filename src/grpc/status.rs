//! Refusals as gRPC tells them: the one place where a [`Reason`] becomes a code.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proto::Rejection;
use crate::types::{Fault, Reason};

/// The domain of our reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "splade-sidecar";
/// When to try again, where nobody knows better.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The canonical code of a reason.
pub fn code(reason: Reason) -> Code {
    match reason {
        Reason::InvalidArgument
        | Reason::MalformedDocument
        | Reason::EmptyText
        | Reason::TextTooLong
        | Reason::InvalidVector
        | Reason::StoreRefused => Code::InvalidArgument,
        Reason::UnknownModel | Reason::CollectionNotFound | Reason::DocumentNotFound => Code::NotFound,
        Reason::FingerprintMismatch | Reason::IncompatibleCollection => Code::FailedPrecondition,
        Reason::StoreUnavailable | Reason::Starting | Reason::ShuttingDown => Code::Unavailable,
        Reason::Overloaded => Code::ResourceExhausted,
        Reason::Cancelled | Reason::StreamIdle => Code::DeadlineExceeded,
        Reason::Unauthenticated => Code::Unauthenticated,
        Reason::Unimplemented => Code::Unimplemented,
        Reason::Internal => Code::Internal,
    }
}

/// A refused call, with the richer error model's details: what field, why, when to try again.
pub fn status(fault: Fault) -> Status {
    let Fault { reason, field, message, retry_after } = fault;
    let code = code(reason);
    let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::new());
    if !field.is_empty() {
        details.add_bad_request_violation(&field, &message);
    }
    if matches!(code, Code::Unavailable | Code::ResourceExhausted) {
        details.set_retry_info(Some(retry_after.unwrap_or(RETRY_DELAY)));
    }
    let message = if field.is_empty() { message } else { format!("{field}: {message}") };
    Status::with_error_details(code, message, details)
}

/// One refused item of a call that goes on.
pub fn rejection(fault: Fault) -> Rejection {
    let Fault { reason, field, message, retry_after: _ } = fault;
    Rejection { code: code(reason).into(), reason: reason.as_str().to_owned(), field, message }
}
