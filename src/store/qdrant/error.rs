//! Conversion of gRPC statuses into [`StoreError`]s.
//!
//! The codes are interpreted as Qdrant uses them, which deviates from the gRPC documentation in places. An error is
//! definite (the write did not take effect and will not, see [`StoreError::has_unknown_outcome`]) only if the request was
//! not sent, or if Qdrant refuses it before it reaches any shard. All other outcomes are treated as unknown.
//!
//! See docs/adr/0035-qdrant-definite-and-unknown-outcomes.md.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, ConnectError, Status};

use super::config::QdrantConfig;
use crate::store::StoreError;

/// Maximum retry delay that a server can request. A longer one is taken for a defect of the server or a gateway and
/// ignored: respecting it would fail documents that the next attempt may store.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Prefix of the error of a message that one side can't decode.
const DECODE_ERROR_PREFIX: &str = "a message can't be decoded";

/// Returns whether a response could not be decoded. prost decodes at most 100 levels of nesting, which correspond to 33
/// levels of a payload, and another program may have stored a deeper payload.
pub(super) fn is_decode_error(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(message) if message.starts_with(DECODE_ERROR_PREFIX))
}

/// Converts the status of a failed call on `collection`.
pub(super) fn to_store_error(status: &Status, server: &QdrantConfig, collection: &str) -> StoreError {
    let message = server.redact(describe(status));
    if status.source().is_some() {
        return connection_error(status, add_server_url(server, message));
    }
    if let Some(key) = server.shard_key.as_deref().filter(|_| is_missing_shard_key(&message)) {
        return missing_shard_key_error(collection, key);
    }
    match status.code() {
        // The message distinguishes a missing collection from a missing shard key.
        Code::NotFound if message.contains("Collection") => StoreError::CollectionNotFound(collection.to_owned()),
        Code::AlreadyExists => StoreError::AlreadyExists(collection.to_owned()),
        // An alias of that name or a shard key exists.
        Code::InvalidArgument if message.contains("already exists") => StoreError::AlreadyExists(collection.to_owned()),
        Code::NotFound | Code::InvalidArgument => StoreError::Refused(message),
        // Sent by either side or a gateway in between: the message exceeds its size limit.
        Code::OutOfRange => too_large_error(&message),
        Code::ResourceExhausted | Code::Unknown if is_size_error(&message) => too_large_error(&message),
        // Sent by either side; not retryable, because the same message would fail again. The reason is the last part of the
        // message, after the path of the field.
        Code::Internal if message.starts_with("failed to decode Protobuf message") => {
            let reason = message.rsplit(": ").next().unwrap_or_default();
            StoreError::Refused(format!("{DECODE_ERROR_PREFIX} ({reason}); a payload may be nested too deep"))
        }
        Code::Unauthenticated | Code::PermissionDenied => StoreError::Denied(message),
        Code::DeadlineExceeded => StoreError::Timeout(message),
        // A rate limit, or a node whose disk is full. Definite: a shard checks before it logs the write.
        Code::ResourceExhausted => StoreError::Overloaded { message, retry_after: parse_retry_after(status) },
        // A gateway's rate limit.
        Code::Unavailable if message.ends_with("HTTP status code 429") => {
            StoreError::Overloaded { message: add_server_url(server, message), retry_after: None }
        }
        // Sent by Qdrant while a snapshot is being restored or writes are locked. The request was not executed.
        Code::Unavailable if message.starts_with("Shard temporarily unavailable") => unavailable_error(server, message),
        Code::FailedPrecondition if message.starts_with("Storage locked") => unavailable_error(server, message),
        // Sent by a gateway: its connection to Qdrant was refused, or broke after it had forwarded the request. Qdrant
        // itself never sends UNKNOWN, CANCELLED or ABORTED.
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Aborted => {
            StoreError::Interrupted(add_server_url(server, message))
        }
        // FAILED_PRECONDITION: a shard is being moved. INTERNAL: a shard without a live replica, a full disk, a failure in
        // the engine, or a broken connection between two nodes. A shard logs a write before it applies it, and applies it
        // again later if that failed, so the outcome is unknown.
        Code::FailedPrecondition | Code::Internal => StoreError::Internal(add_server_url(server, message)),
        // UNIMPLEMENTED: not a Qdrant server, or one that is too old. DATA_LOSS: a checksum mismatch. OK never occurs as an
        // error.
        Code::Unimplemented | Code::DataLoss | Code::Ok => StoreError::Failed(add_server_url(server, message)),
    }
}

/// Converts a status that the client side generated because there was no connection or it broke. tonic wraps errors before
/// the connection is established (DNS, TCP, TLS) in `ConnectError`; then nothing was sent. Other errors come from hyper and
/// h2, which don't report how much of the request was sent.
fn connection_error(status: &Status, message: String) -> StoreError {
    let mut causes = std::iter::successors(status.source(), |&error| error.source());
    if causes.any(|error| error.is::<ConnectError>()) {
        StoreError::Unavailable(message)
    } else {
        StoreError::Interrupted(message)
    }
}

fn unavailable_error(server: &QdrantConfig, message: String) -> StoreError {
    StoreError::Unavailable(add_server_url(server, message))
}

/// Returns whether a message reports a missing shard key. Qdrant's wording depends on writes ("Wrong input: Shard key
/// ..."), reads ("Bad request: ...") and older versions ("Not found: ...").
fn is_missing_shard_key(message: &str) -> bool {
    let text = message.split_once(": ").map_or(message, |(_kind, text)| text);
    (text.starts_with("Shard key ") && text.ends_with(" not found")) || text == "No shards found for shard key"
}

/// Returns the error for a collection without the configured shard key. Retryable, because shard keys are created in a
/// second step after the collection, and other clients may write in between. Definite, because Qdrant refuses the request
/// before it reaches any shard.
fn missing_shard_key_error(collection: &str, key: &str) -> StoreError {
    StoreError::Unavailable(format!(
        "collection `{collection}` has no shard key `{key}`, which the server writes to (--qdrant-shard-key); set \
         create_collection when ingesting, create the key in Qdrant, or start the server with an existing key"
    ))
}

fn too_large_error(message: &str) -> StoreError {
    StoreError::Refused(format!("a message is too large; send smaller documents, or request fewer points ({message})"))
}

/// Returns whether a message reports an exceeded size limit. The patterns are those of gRPC's C and Go libraries, its Java
/// library, and HTTP gateways.
fn is_size_error(message: &str) -> bool {
    let patterns = ["larger than max", "exceeds maximum size", "HTTP status code 413"];
    patterns.iter().any(|pattern| message.contains(pattern))
}

/// Prefixes a message with the server's URL, and appends the hint about its port.
fn add_server_url(server: &QdrantConfig, message: String) -> String {
    let hint = server.url.port_hint().map(|hint| format!(" ({hint})"));
    format!("{}: {message}{}", server.url, hint.unwrap_or_default())
}

/// Returns the status's message with its causes. Only statuses generated by the client side have causes.
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

/// Returns the retry delay of Qdrant's `retry-after` header, which has whole seconds.
fn parse_retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.metadata().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= MAX_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn server() -> QdrantConfig {
        let mut config = QdrantConfig::new("http://localhost:6333".parse().unwrap());
        config.api_key = Some("s3cret".parse().unwrap());
        config
    }

    fn meaning(code: Code, message: &str) -> StoreError {
        to_store_error(&Status::new(code, message), &server(), "docs")
    }

    #[test]
    fn each_code_has_its_meaning() {
        let missing = "Not found: Collection `docs` doesn't exist!";
        let exists = "Wrong input: Collection `docs` already exists!";
        let mapped = |code: u16| format!("grpc-status header missing, mapped from HTTP status code {code}");
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
            (Code::OutOfRange, "x", too_large_error("x")),
            (
                Code::ResourceExhausted,
                "Received message larger than max (9 vs. 4)",
                too_large_error("Received message larger than max (9 vs. 4)"),
            ),
            (Code::Unknown, "mapped from HTTP status code 413", too_large_error("mapped from HTTP status code 413")),
            (
                Code::Internal,
                "failed to decode Protobuf message: Value.kind: UpsertPoints.points: recursion limit reached",
                StoreError::Refused(
                    "a message can't be decoded (recursion limit reached); a payload may be nested too deep".into(),
                ),
            ),
            (Code::Unauthenticated, "Invalid API key or JWT", StoreError::Denied("Invalid API key or JWT".into())),
            (Code::PermissionDenied, "Forbidden: x", StoreError::Denied("Forbidden: x".into())),
            (Code::DeadlineExceeded, "Timeout: x", StoreError::Timeout("Timeout: x".into())),
            (Code::ResourceExhausted, "full", StoreError::Overloaded { message: "full".into(), retry_after: None }),
            (
                Code::Unavailable,
                "Shard temporarily unavailable: x",
                StoreError::Unavailable(at("Shard temporarily unavailable: x")),
            ),
            (Code::FailedPrecondition, "Storage locked: x", StoreError::Unavailable(at("Storage locked: x"))),
            (Code::FailedPrecondition, "x", StoreError::Internal(at("x"))),
            (Code::Internal, "Service internal error: x", StoreError::Internal(at("Service internal error: x"))),
            (Code::Unavailable, "x", StoreError::Interrupted(at("x"))),
            (Code::Unavailable, &mapped(503), StoreError::Interrupted(at(&mapped(503)))),
            (Code::Unavailable, &mapped(429), StoreError::Overloaded { message: at(&mapped(429)), retry_after: None }),
            (Code::Unknown, "x", StoreError::Interrupted(at("x"))),
            (Code::Cancelled, "x", StoreError::Interrupted(at("x"))),
            (Code::Aborted, "x", StoreError::Interrupted(at("x"))),
            (Code::Unimplemented, "x", StoreError::Failed(at("x"))),
            (Code::DataLoss, "x", StoreError::Failed(at("x"))),
        ] {
            assert_eq!(meaning(code, message), expected, "{code:?} {message}");
        }
    }

    #[test]
    fn the_retry_delay_of_qdrant_is_kept() {
        let retry_after = |header: &str| {
            let mut status = Status::resource_exhausted("Rate limiting exceeded");
            status.metadata_mut().insert("retry-after", header.parse().unwrap());
            to_store_error(&status, &server(), "docs").retry_after()
        };
        assert_eq!(retry_after("3"), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("86400"), Some(MAX_RETRY_AFTER));
        for nonsense in ["soon", "-1", "86401", "18446744073709551615", "18446744073709551616"] {
            assert_eq!(retry_after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_missing_configured_shard_key_is_retryable() {
        let mut config = server();
        let say = |config: &QdrantConfig, code, message| to_store_error(&Status::new(code, message), config, "docs");
        let messages = [
            (Code::InvalidArgument, "Wrong input: Shard key \"t-1\" not found"),
            (Code::InvalidArgument, "Bad request: Shard key \"t-1\" not found"),
            (Code::InvalidArgument, "Wrong input: No shards found for shard key"),
            (Code::NotFound, "Not found: Shard key t-1 not found"),
        ];
        for (code, message) in messages {
            assert_eq!(say(&config, code, message), StoreError::Refused(message.into()));
        }
        config.shard_key = Some("t-1".to_owned());
        for (code, message) in messages {
            let error = say(&config, code, message);
            assert!(matches!(error, StoreError::Unavailable(_)) && !error.has_unknown_outcome(), "{error:?}");
            let text = error.to_string();
            assert!(["`docs`", "`t-1`", "--qdrant-shard-key"].iter().all(|part| text.contains(part)), "{text}");
        }
        let other = "Wrong input: Shard key not specified";
        assert_eq!(say(&config, Code::InvalidArgument, other), StoreError::Refused(other.into()));
    }

    #[test]
    fn only_a_failed_connection_setup_is_definite() {
        // Built as tonic does: the code is derived from the chain of causes.
        let status = |cause: Box<dyn Error + Send + Sync>| Status::from_error(cause);
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let not_made = to_store_error(&status(Box::new(ConnectError(Box::new(refused())))), &server(), "docs");
        assert!(matches!(not_made, StoreError::Unavailable(_)) && !not_made.has_unknown_outcome(), "{not_made:?}");
        let broken = to_store_error(&status(Box::new(refused())), &server(), "docs");
        assert!(matches!(broken, StoreError::Interrupted(_)) && broken.has_unknown_outcome(), "{broken:?}");
    }

    #[test]
    fn a_broken_connection_is_interrupted_regardless_of_its_code() {
        for code in [Code::Internal, Code::ResourceExhausted, Code::PermissionDenied, Code::Unavailable, Code::Unknown]
        {
            let mut status = Status::new(code, "h2 protocol error");
            status.set_source(Arc::new(std::io::Error::from(std::io::ErrorKind::BrokenPipe)));
            let error = to_store_error(&status, &server(), "docs");
            assert!(matches!(error, StoreError::Interrupted(_)), "{code:?} became {error:?}");
        }
    }

    #[test]
    fn the_api_key_is_removed_from_messages() {
        for code in [Code::Unauthenticated, Code::Internal, Code::InvalidArgument, Code::ResourceExhausted] {
            let error = meaning(code, "key s3cret is wrong");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_status_without_a_message_uses_the_description_of_its_code() {
        assert!(meaning(Code::Unavailable, "").to_string().contains("currently unavailable"));
    }
}
