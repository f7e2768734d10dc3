//! Formatting of errors and gRPC statuses for the command line.

use std::fmt::Write as _;
use std::process::ExitCode;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Exit status of a command that failed.
pub const EXIT_FAILED: u8 = 2;

/// Prints the error of a failed command to standard error and returns the exit status.
pub fn report_failure(error: &anyhow::Error) -> ExitCode {
    // Nothing can be done if standard error is gone.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {}\n", format_error(error)).as_bytes());
    ExitCode::from(EXIT_FAILED)
}

/// Formats an error with all its causes. The status of a server is formatted with its details.
pub fn format_error(error: &anyhow::Error) -> String {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        if let Some(status) = cause.downcast_ref::<Status>() {
            // `format_status` contains the causes of a transport error.
            messages.push(format_status(status));
            break;
        }
        let cause = cause.to_string();
        // Many errors contain the message of their cause.
        if !messages.iter().any(|message| message.contains(&cause)) {
            messages.push(cause);
        }
    }
    messages.join(": ")
}

/// Formats a status with its details: message and code, invalid fields, reason, and retry delay.
pub fn format_status(status: &Status) -> String {
    let mut text = match status.code() {
        Code::Ok => String::new(),
        _ => summarize_status(status),
    };
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad_request| bad_request.field_violations.as_slice());
    for violation in violations.unwrap_or_default() {
        let violation = format!("{}: {}", violation.field, violation.description);
        // The message of a status with a single violation usually is that violation.
        if !text.contains(&violation) {
            text.push_str("\n  ");
            text.push_str(&violation);
        }
    }
    // Writing to a string can't fail.
    if let Some(info) = details.error_info().filter(|info| !info.reason.is_empty()) {
        let _ = write!(text, "\n  reason: {}", info.reason);
    }
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
        let _ = write!(text, "\n  retry after {:.1} s", delay.as_secs_f64());
    }
    text
}

/// Returns the message, followed by the causes if the status was created from a transport error.
fn build_status_message(status: &Status) -> String {
    let mut message = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            let _ = write!(message, ": {text}");
        }
        source = cause.source();
    }
    message
}

/// Describes a status in one line: its message and its code, without the details.
pub fn summarize_status(status: &Status) -> String {
    format!("{} ({})", build_status_message(status), code_as_str(status.code()))
}

/// Returns the canonical name of a code, such as `INVALID_ARGUMENT`.
pub fn code_as_str(code: Code) -> &'static str {
    lookup_code_names(code).0
}

/// Returns the name of a code in reject files, such as `InvalidArgument`. The spelling is part of the file format of version
/// 0.1.0 and must not change.
pub fn code_as_reject_str(code: Code) -> &'static str {
    lookup_code_names(code).1
}

/// Returns both names of a code. They are literals because they are stored and parsed; Rust's variant names may change.
const fn lookup_code_names(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::Ok => ("OK", "Ok"),
        Code::Cancelled => ("CANCELLED", "Cancelled"),
        Code::Unknown => ("UNKNOWN", "Unknown"),
        Code::InvalidArgument => ("INVALID_ARGUMENT", "InvalidArgument"),
        Code::DeadlineExceeded => ("DEADLINE_EXCEEDED", "DeadlineExceeded"),
        Code::NotFound => ("NOT_FOUND", "NotFound"),
        Code::AlreadyExists => ("ALREADY_EXISTS", "AlreadyExists"),
        Code::PermissionDenied => ("PERMISSION_DENIED", "PermissionDenied"),
        Code::ResourceExhausted => ("RESOURCE_EXHAUSTED", "ResourceExhausted"),
        Code::FailedPrecondition => ("FAILED_PRECONDITION", "FailedPrecondition"),
        Code::Aborted => ("ABORTED", "Aborted"),
        Code::OutOfRange => ("OUT_OF_RANGE", "OutOfRange"),
        Code::Unimplemented => ("UNIMPLEMENTED", "Unimplemented"),
        Code::Internal => ("INTERNAL", "Internal"),
        Code::Unavailable => ("UNAVAILABLE", "Unavailable"),
        Code::DataLoss => ("DATA_LOSS", "DataLoss"),
        Code::Unauthenticated => ("UNAUTHENTICATED", "Unauthenticated"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::Context;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_status_is_formatted_with_its_details() {
        let mut details = ErrorDetails::new();
        details
            .add_bad_request_violation("options.collection", "give 1 to 128 characters")
            .set_error_info("INVALID_ARGUMENT", "splade", [])
            .set_retry_info(Some(Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::InvalidArgument, "the collection's name is empty", details);
        assert_eq!(
            format_error(&anyhow::Error::from(status)),
            "the collection's name is empty (INVALID_ARGUMENT)\n  options.collection: give 1 to 128 characters\n  \
             reason: INVALID_ARGUMENT\n  retry after 1.5 s"
        );
    }

    #[test]
    fn a_violation_in_the_message_is_not_repeated() {
        let details = ErrorDetails::with_bad_request_violation("limit", "it is 5000; send 1 to 1000");
        let status = Status::with_error_details(Code::InvalidArgument, "limit: it is 5000; send 1 to 1000", details);
        assert_eq!(format_status(&status), "limit: it is 5000; send 1 to 1000 (INVALID_ARGUMENT)");
    }

    #[test]
    fn causes_are_not_repeated() {
        let error = anyhow::anyhow!("connection refused").context("transport error: connection refused");
        assert_eq!(format_error(&error), "transport error: connection refused");
        let status = Err::<(), _>(Status::unavailable("gone")).context("can't search").unwrap_err();
        assert_eq!(format_error(&status), "can't search: gone (UNAVAILABLE)");
    }

    /// Pinned: programs read both spellings. The numbers are the codes of the gRPC protocol.
    #[test]
    fn codes_keep_their_names() {
        const NAMES: [(&str, &str); 17] = [
            ("OK", "Ok"),
            ("CANCELLED", "Cancelled"),
            ("UNKNOWN", "Unknown"),
            ("INVALID_ARGUMENT", "InvalidArgument"),
            ("DEADLINE_EXCEEDED", "DeadlineExceeded"),
            ("NOT_FOUND", "NotFound"),
            ("ALREADY_EXISTS", "AlreadyExists"),
            ("PERMISSION_DENIED", "PermissionDenied"),
            ("RESOURCE_EXHAUSTED", "ResourceExhausted"),
            ("FAILED_PRECONDITION", "FailedPrecondition"),
            ("ABORTED", "Aborted"),
            ("OUT_OF_RANGE", "OutOfRange"),
            ("UNIMPLEMENTED", "Unimplemented"),
            ("INTERNAL", "Internal"),
            ("UNAVAILABLE", "Unavailable"),
            ("DATA_LOSS", "DataLoss"),
            ("UNAUTHENTICATED", "Unauthenticated"),
        ];
        for (number, names) in (0..).zip(NAMES) {
            let code = Code::from_i32(number);
            assert_eq!((code_as_str(code), code_as_reject_str(code)), names, "{number}");
        }
    }
}
