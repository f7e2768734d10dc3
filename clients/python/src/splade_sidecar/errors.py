"""Errors of calls, as exceptions.

The server uses the richer error model of gRPC (google.rpc.Status); its details are attributes of the exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import grpc

from splade_sidecar import details_pb2 as details

if TYPE_CHECKING:
    from splade_sidecar.types import Summary

STATUS_KEY = "grpc-status-details-bin"
# Fragments of gRPC core's messages for a stream that the peer or a proxy has dropped. The asyncio API reports the last
# one if the drop is detected during a send.
DROPPED = ("RST_STREAM", "Stream removed", "Internal error from Core")


class ErrorReason(str, Enum):
    """Known values of `SpladeError.reason` and `ItemError.reason`.

    Both are plain strings, since a newer server may send other values. docs/api.md describes each value.
    """

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    MALFORMED_DOCUMENT = "MALFORMED_DOCUMENT"
    EMPTY_TEXT = "EMPTY_TEXT"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    INVALID_VECTOR = "INVALID_VECTOR"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    COLLECTION_NOT_FOUND = "COLLECTION_NOT_FOUND"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    FINGERPRINT_MISMATCH = "FINGERPRINT_MISMATCH"
    INCOMPATIBLE_COLLECTION = "INCOMPATIBLE_COLLECTION"
    STORE_REFUSED = "STORE_REFUSED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    OVERLOADED = "OVERLOADED"
    CANCELLED = "CANCELLED"
    STREAM_IDLE = "STREAM_IDLE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    STARTING = "STARTING"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL = "INTERNAL"
    COLLECTION_EXISTS = "COLLECTION_EXISTS"
    INCARNATION_MISMATCH = "INCARNATION_MISMATCH"
    ENCODING_FAILED = "ENCODING_FAILED"

    def __str__(self) -> str:
        return self.value

    def __format__(self, format_spec: str) -> str:
        return format(self.value, format_spec)


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """An invalid field of a request."""

    field: str
    """Path of the field, such as `options.collection`."""
    description: str
    """What is wrong and how to fix it."""


class SpladeError(Exception):
    """A failed call. The subclasses correspond to the status codes that the server uses, and to some reasons."""

    code: grpc.StatusCode
    """Status code."""
    message: str
    """What is wrong and how to fix it."""
    reason: str
    """Name of an `ErrorReason`. Empty if the error comes from the network and not from the server."""
    violations: tuple[FieldViolation, ...]
    """Invalid fields."""
    retry_after: float | None
    """Minimum delay before a retry, in seconds. None if the server gives none."""
    metadata: dict[str, str]
    """Details of the reason (`ErrorInfo.metadata`)."""
    summary: Summary | None = None
    """Progress of an ingest. None for other calls."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.message, self.reason = code, message, reason
        self.violations, self.retry_after, self.metadata = violations, retry_after, dict(metadata or {})
        super().__init__(f"{message} ({reason or code.name})")

    def _arguments(self) -> tuple[Any, ...]:
        return self.code, self.message, self.reason, self.violations, self.retry_after, self.metadata

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception.__reduce__ calls the class with the message alone, which fails when the error is unpickled.
        return _restore, (type(self), *self._arguments()), self.__dict__

    def replaced(self, message: str, violations: tuple[FieldViolation, ...]) -> SpladeError:
        """Returns a copy with another message and other violations."""
        error = _restore(type(self), self.code, message, self.reason, violations, self.retry_after, self.metadata)
        error.summary = self.summary
        return error

    @property
    def retryable(self) -> bool:
        """Whether a retry of the call may succeed."""
        if self.code is grpc.StatusCode.UNAVAILABLE:
            return True
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # RESOURCE_EXHAUSTED without a RetryInfo means that a message is too large.
            return self.retry_after is not None
        return not self.reason and any(word in self.message for word in DROPPED)


def _restore(kind: type[SpladeError], *arguments: Any) -> SpladeError:
    """Creates an error without calling the __init__ of its class, which may take other arguments."""
    error = kind.__new__(kind)
    SpladeError.__init__(error, *arguments)
    return error


class InvalidArgument(SpladeError):
    """The request is invalid; `violations` names its fields."""


class NotFound(SpladeError):
    """The model, collection or document doesn't exist."""


class AlreadyExists(SpladeError):
    """A collection or an alias of this name exists."""


class FailedPrecondition(SpladeError):
    """The collection can't be used as requested."""


class FingerprintMismatch(FailedPrecondition):
    """Another encoder wrote the collection."""

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return self.metadata.get("collection", "")

    @property
    def collection_model(self) -> str:
        """Name of the model that wrote the collection."""
        return self.metadata.get("collection_model", "")

    @property
    def collection_fingerprint(self) -> str:
        """Fingerprint of the encoder that wrote the collection."""
        return self.metadata.get("collection_fingerprint", "")

    @property
    def model(self) -> str:
        """Name of the model of this call."""
        return self.metadata.get("model", "")

    @property
    def model_fingerprint(self) -> str:
        """Fingerprint of the encoder of this call."""
        return self.metadata.get("model_fingerprint", "")


class IncarnationMismatch(FailedPrecondition):
    """The collection was deleted and created again."""

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return self.metadata.get("collection", "")

    @property
    def incarnation(self) -> str:
        """Incarnation of the collection that exists."""
        return self.metadata.get("incarnation", "")

    @property
    def expected_incarnation(self) -> str:
        """Incarnation that the call expected."""
        return self.metadata.get("expected_incarnation", "")


class Unavailable(SpladeError):
    """The server or its store is unreachable, starting or stopping."""


class Overloaded(SpladeError):
    """The server is at capacity, or a message is too large."""


class DeadlineExceeded(SpladeError):
    """The timeout of the call passed."""


class Unauthenticated(SpladeError):
    """The call carries no token or an invalid one."""


class Unimplemented(SpladeError):
    """The server doesn't implement the call, a field or one of the `required_features`."""


class Internal(SpladeError):
    """A bug of the server, or a failure between client and server."""


class ItemFailed(SpladeError):
    """Temporary failure of a stream's item (status FAILED); the item is resent. Raised only inside the client."""

    @property
    def retryable(self) -> bool:
        """Whether a retry of the call may succeed."""
        return True


class GaveUp(SpladeError):
    """A stream made no progress for `give_up_after` seconds. `reason` and the message are those of the last failure."""


KINDS: dict[grpc.StatusCode, type[SpladeError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
}
KINDS_BY_REASON: dict[str, type[SpladeError]] = {
    ErrorReason.FINGERPRINT_MISMATCH: FingerprintMismatch,
    ErrorReason.INCARNATION_MISMATCH: IncarnationMismatch,
}
CODES = {code.value[0]: code for code in grpc.StatusCode}


def status_code(number: int) -> grpc.StatusCode:
    """Returns the status code of a number, such as NOT_FOUND for 5."""
    return CODES.get(number, grpc.StatusCode.UNKNOWN)


def from_grpc(error: Any) -> SpladeError:
    """Converts an error of the synchronous or the asyncio gRPC API."""
    code = error.code()
    reason, retry_after = "", None
    metadata: dict[str, str] = {}
    violations: list[FieldViolation] = []
    for key, value in error.trailing_metadata() or ():
        if key != STATUS_KEY:
            continue
        for detail in details.Status.FromString(value).details:
            # The last segment of a type URL is the type's name.
            kind = detail.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = details.ErrorInfo.FromString(detail.value)
                reason, metadata = info.reason, dict(info.metadata)
            elif kind == "google.rpc.BadRequest":
                for violation in details.BadRequest.FromString(detail.value).field_violations:
                    violations.append(FieldViolation(violation.field, violation.description))
            elif kind == "google.rpc.RetryInfo":
                retry_after = details.RetryInfo.FromString(detail.value).retry_delay.ToTimedelta().total_seconds()
    cls = KINDS_BY_REASON.get(reason) or KINDS.get(code, SpladeError)
    return cls(code, error.details() or code.name, reason, tuple(violations), retry_after, metadata)
