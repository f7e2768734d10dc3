//! What a status means for the one who sent the call.
//!
//! The codes are read as Qdrant uses them, which is not always by their book.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};

use super::config::QdrantConfig;
use crate::store::StoreError;

/// The meaning of a status that ended a call on `collection`.
pub(super) fn store_error(status: &Status, server: &QdrantConfig, collection: &str) -> StoreError {
    let message = server.redact(describe(status));
    match status.code() {
        // Qdrant names what it missed: the collection, or a shard key.
        Code::NotFound if message.contains("Collection") => StoreError::CollectionNotFound(collection.to_owned()),
        Code::AlreadyExists => StoreError::AlreadyExists(collection.to_owned()),
        // Of an alias of that name.
        Code::InvalidArgument if message.contains("already exists") => StoreError::AlreadyExists(collection.to_owned()),
        Code::NotFound | Code::InvalidArgument => StoreError::Refused(message),
        // From either side, or from a gateway between the two: a message is larger than it takes.
        Code::OutOfRange => too_large(&message),
        Code::ResourceExhausted | Code::Unknown if is_about_size(&message) => too_large(&message),
        // From either side, and true of the same message again. The reason comes last, after the path to the field.
        Code::Internal if message.starts_with("failed to decode Protobuf message") => {
            let reason = message.rsplit(": ").next().unwrap_or_default();
            StoreError::Refused(format!("a message can't be read ({reason}); is a payload nested too deep?"))
        }
        Code::Unauthenticated | Code::PermissionDenied => StoreError::Denied(message),
        Code::DeadlineExceeded => StoreError::Timeout(message),
        // A rate limit, or a node that is full.
        Code::ResourceExhausted => StoreError::Overloaded { message, retry_after: retry_after(status) },
        // FAILED_PRECONDITION: writes are locked, or a shard is still being moved: true of the server, not the request.
        // INTERNAL: a shard without a live replica, a full disk, a cancelled task.
        // UNKNOWN, CANCELLED, ABORTED: a connection that broke in the middle of a call.
        Code::Unavailable
        | Code::FailedPrecondition
        | Code::Internal
        | Code::Unknown
        | Code::Cancelled
        | Code::Aborted => StoreError::Unavailable(located(server, message)),
        // UNIMPLEMENTED: not a Qdrant, or one too old. DATA_LOSS: a checksum is wrong. OK ends no call so.
        Code::Unimplemented | Code::DataLoss | Code::Ok => StoreError::Failed(located(server, message)),
    }
}

fn too_large(message: &str) -> StoreError {
    StoreError::Refused(format!("a message is too large; send smaller documents, or ask for fewer points ({message})"))
}

/// What gRPC's C and Go libraries, its Java library, and HTTP gateways say of a message that is larger than they take.
fn is_about_size(message: &str) -> bool {
    let signs = ["larger than max", "exceeds maximum size", "HTTP status code 413"];
    signs.iter().any(|sign| message.contains(sign))
}

/// The message with where it comes from, and what may be wrong with that.
fn located(server: &QdrantConfig, message: String) -> String {
    let hint = server.url.hint().map(|hint| format!(" ({hint})"));
    format!("{}: {message}{}", server.url, hint.unwrap_or_default())
}

/// The status's message and what caused it. Only statuses that our own side made have causes.
fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    if text.is_empty() { status.code().description().to_owned() } else { text }
}

/// What Qdrant asks for in its `retry-after` header, in whole seconds.
fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.metadata().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> QdrantConfig {
        let mut config = QdrantConfig::new("http://localhost:6333".parse().unwrap());
        config.api_key = Some("s3cret".parse().unwrap());
        config
    }

    fn meaning(code: Code, message: &str) -> StoreError {
        store_error(&Status::new(code, message), &server(), "docs")
    }

    #[test]
    fn each_code_has_its_meaning() {
        let missing = "Not found: Collection `docs` doesn't exist!";
        let exists = "Wrong input: Collection `docs` already exists!";
        let at = |message: &str| {
            format!("http://localhost:6333: {message} (6333 is usually Qdrant's REST port, and 6334 its gRPC port)")
        };
        for (code, message, expected) in [
            (Code::NotFound, missing, StoreError::CollectionNotFound("docs".into())),
            (
                Code::NotFound,
                "Not found: Shard key a not found",
                StoreError::Refused("Not found: Shard key a not found".into()),
            ),
            (Code::AlreadyExists, exists, StoreError::AlreadyExists("docs".into())),
            (Code::InvalidArgument, exists, StoreError::AlreadyExists("docs".into())),
            (Code::InvalidArgument, "Wrong input: x", StoreError::Refused("Wrong input: x".into())),
            (Code::OutOfRange, "x", too_large("x")),
            (
                Code::ResourceExhausted,
                "Received message larger than max (9 vs. 4)",
                too_large("Received message larger than max (9 vs. 4)"),
            ),
            (Code::Unknown, "mapped from HTTP status code 413", too_large("mapped from HTTP status code 413")),
            (
                Code::Internal,
                "failed to decode Protobuf message: Value.kind: UpsertPoints.points: recursion limit reached",
                StoreError::Refused(
                    "a message can't be read (recursion limit reached); is a payload nested too deep?".into(),
                ),
            ),
            (Code::Unauthenticated, "Invalid API key or JWT", StoreError::Denied("Invalid API key or JWT".into())),
            (Code::PermissionDenied, "Forbidden: x", StoreError::Denied("Forbidden: x".into())),
            (Code::DeadlineExceeded, "Timeout: x", StoreError::Timeout("Timeout: x".into())),
            (Code::ResourceExhausted, "full", StoreError::Overloaded { message: "full".into(), retry_after: None }),
            (Code::Unavailable, "x", StoreError::Unavailable(at("x"))),
            (Code::FailedPrecondition, "Storage locked: x", StoreError::Unavailable(at("Storage locked: x"))),
            (Code::Internal, "Service internal error: x", StoreError::Unavailable(at("Service internal error: x"))),
            (Code::Unknown, "x", StoreError::Unavailable(at("x"))),
            (Code::Cancelled, "x", StoreError::Unavailable(at("x"))),
            (Code::Aborted, "x", StoreError::Unavailable(at("x"))),
            (Code::Unimplemented, "x", StoreError::Failed(at("x"))),
            (Code::DataLoss, "x", StoreError::Failed(at("x"))),
        ] {
            assert_eq!(meaning(code, message), expected, "{code:?} {message}");
        }
    }

    #[test]
    fn the_time_that_qdrant_asks_for_is_kept() {
        let retry_after = |header: &str| {
            let mut status = Status::resource_exhausted("Rate limiting exceeded");
            status.metadata_mut().insert("retry-after", header.parse().unwrap());
            store_error(&status, &server(), "docs").retry_after()
        };
        assert_eq!(retry_after("3"), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn the_api_key_is_taken_out_of_messages() {
        for code in [Code::Unauthenticated, Code::Internal, Code::InvalidArgument, Code::ResourceExhausted] {
            let error = meaning(code, "key s3cret is wrong");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_status_without_a_message_says_what_its_code_means() {
        assert!(meaning(Code::Unavailable, "").to_string().contains("currently unavailable"));
    }
}
