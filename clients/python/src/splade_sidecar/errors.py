"""What a refused call says, as exceptions.

The server answers in the richer error model of gRPC; its details become attributes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from splade_sidecar import details_pb2 as details

if TYPE_CHECKING:
    from splade_sidecar.types import Summary

STATUS_KEY = "grpc-status-details-bin"
# What gRPC for C++ says of a stream that the other side, or something between, has dropped; the last is what its
# asyncio API says when that becomes known in the middle of a send.
DROPPED = ("RST_STREAM", "Stream removed", "Internal error from Core")


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that is wrong."""

    field: str
    """Its path, such as `options.collection`."""
    description: str
    """What is wrong and what to do about it."""


class SpladeError(Exception):
    """A call that failed. The subclasses are the canonical codes that the server uses."""

    code: grpc.StatusCode
    """The canonical code."""
    message: str
    """What is wrong and what to do about it."""
    reason: str
    """The server's constant, such as `COLLECTION_NOT_FOUND`; empty where the server didn't speak, but the network."""
    violations: tuple[FieldViolation, ...]
    """The fields at fault; none where none is."""
    retry_after: float | None
    """Seconds after which the server wants to be asked again; None where it doesn't say."""
    summary: Summary | None = None
    """Of an ingest: how far it came. None of other calls."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        self.code, self.message, self.reason = code, message, reason
        self.violations, self.retry_after = violations, retry_after
        super().__init__(f"{message} ({reason or code.name})")

    def __reduce__(self) -> tuple[Any, ...]:
        # That of Exception calls the class with the message alone, which fails where the error is unpickled.
        arguments = (self.code, self.message, self.reason, self.violations, self.retry_after)
        return _restore, (type(self), *arguments), self.__dict__

    def replaced(self, message: str, violations: tuple[FieldViolation, ...]) -> SpladeError:
        """The same error with another message and other violations."""
        error = _restore(type(self), self.code, message, self.reason, violations, self.retry_after)
        error.summary = self.summary
        return error

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        if self.code is grpc.StatusCode.UNAVAILABLE or self.reason == "STREAM_IDLE":
            return True
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # Without a delay it is a message that is too large, and will be next time.
            return self.retry_after is not None
        return not self.reason and any(word in self.message for word in DROPPED)


def _restore(kind: type[SpladeError], *arguments: Any) -> SpladeError:
    """An error of a class, whose own __init__ may take other arguments."""
    error = kind.__new__(kind)
    SpladeError.__init__(error, *arguments)
    return error


class InvalidArgument(SpladeError):
    """The request is wrong; `violations` names its fields."""


class NotFound(SpladeError):
    """There is no such model, collection or document."""


class FailedPrecondition(SpladeError):
    """The collection is of another encoder, or of another form."""


class Unavailable(SpladeError):
    """The server, or its store, can't be reached, starts or stops."""


class Overloaded(SpladeError):
    """The server has no room for the call now, or a message is too large."""


class DeadlineExceeded(SpladeError):
    """The call took longer than it may."""


class Unauthenticated(SpladeError):
    """The server wants a token, and this is none of its tokens."""


class Internal(SpladeError):
    """A fault of the server, or of what lies between."""


class GaveUp(SpladeError):
    """A stream that could not go on for `give_up_after` seconds. The message says how far it came."""


KINDS: dict[grpc.StatusCode, type[SpladeError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.INTERNAL: Internal,
}


def from_grpc(error: Any) -> SpladeError:
    """The exception for an error of gRPC, of the synchronous or the asyncio API."""
    code = error.code()
    reason, retry_after = "", None
    violations: tuple[FieldViolation, ...] = ()
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_KEY:
            reason, violations, retry_after = _details(value)
    return KINDS.get(code, SpladeError)(code, error.details() or code.name, reason, violations, retry_after)


def _details(encoded: bytes) -> tuple[str, tuple[FieldViolation, ...], float | None]:
    reason, retry_after = "", None
    violations: list[FieldViolation] = []
    for detail in details.Status.FromString(encoded).details:
        # The last part of the type's URL is its name.
        kind = detail.type_url.rpartition("/")[2]
        if kind == "google.rpc.ErrorInfo":
            reason = details.ErrorInfo.FromString(detail.value).reason
        elif kind == "google.rpc.BadRequest":
            for violation in details.BadRequest.FromString(detail.value).field_violations:
                violations.append(FieldViolation(violation.field, violation.description))
        elif kind == "google.rpc.RetryInfo":
            retry_after = details.RetryInfo.FromString(detail.value).retry_delay.ToTimedelta().total_seconds()
    return reason, tuple(violations), retry_after
