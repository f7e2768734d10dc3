"""gRPC channels: address, TLS and bearer token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import grpc

MAX_MESSAGE_BYTES = 32 << 20

Files = tuple[bytes | None, bytes | None, bytes | None]
"""Contents of PEM files in the argument order of `grpc.ssl_channel_credentials`: root certificates, private key,
certificate chain."""


@dataclass(frozen=True, slots=True)
class TLS:
    """PEM files for TLS and mutual TLS."""

    ca: str | PathLike[str] | None = None
    """Certificates of the trusted authorities. Default: the root certificates bundled with gRPC."""
    cert: str | PathLike[str] | None = None
    """Client certificate chain, for mutual TLS."""
    key: str | PathLike[str] | None = None
    """Private key of `cert`."""

    def credentials(self) -> Any:
        """Returns channel credentials. Raises OSError for an unreadable file."""
        return grpc.ssl_channel_credentials(*self._read())

    def _read(self) -> Files:
        """Returns the contents of `ca`, `key` and `cert`."""
        ca, key, cert = (Path(path).read_bytes() if path else None for path in (self.ca, self.key, self.cert))
        return ca, key, cert


def read_files(tls: TLS | bool) -> Files | None:
    """Reads the files of a client's `tls` argument; None without TLS. Raises OSError for an unreadable file."""
    if not tls:
        return None
    return (TLS() if tls is True else tls)._read()


def open_channel(api: Any, target: str, tls: Files | None) -> Any:
    """Returns a channel of `grpc` or `grpc.aio`, which connects on the first call."""
    options: Sequence[tuple[str, Any]] = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Detects a dead connection within 40 s.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Don't share a connection with another client of this process.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if target.startswith("unix:"):
        # gRPC would send the socket's path as authority, which HTTP/2 servers reject.
        options = [*options, ("grpc.default_authority", "localhost")]
    if tls is not None:
        return api.secure_channel(target, grpc.ssl_channel_credentials(*tls), options)
    return api.insecure_channel(target, options)


def metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """Returns the metadata of each call."""
    return (("authorization", f"Bearer {token}"),) if token else ()
