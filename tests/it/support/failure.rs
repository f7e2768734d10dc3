//! Errors of calls, decoded from the richer error model of gRPC.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A status with its decoded details.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub code: Code,
    /// The reason of `google.rpc.ErrorInfo`.
    pub reason: String,
    /// The metadata of `google.rpc.ErrorInfo`.
    pub metadata: HashMap<String, String>,
    /// The fields of `google.rpc.BadRequest`.
    pub fields: Vec<String>,
    /// The delay of `google.rpc.RetryInfo`.
    pub retry_after: Option<Duration>,
    pub message: String,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|request| request.field_violations.clone()).unwrap_or_default();
        for violation in &violations {
            assert!(!violation.description.is_empty(), "the violation of {} has no description", violation.field);
        }
        Self {
            code: status.code(),
            metadata: details.error_info().map(|info| info.metadata.clone()).unwrap_or_default(),
            reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            fields: violations.into_iter().map(|violation| violation.field).collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            message: status.message().to_owned(),
        }
    }
}
