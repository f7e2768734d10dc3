"""How a server is reached: its address, TLS, a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import grpc

MAX_MESSAGE_BYTES = 32 << 20

Files = tuple[bytes | None, bytes | None, bytes | None]
"""What `grpc.ssl_channel_credentials` takes: authorities, private key, certificate."""


@dataclass(frozen=True, slots=True)
class TLS:
    """Files in PEM. Without `ca` the authorities that gRPC brings along are trusted."""

    ca: str | PathLike[str] | None = None
    """The authorities that the server's certificate is checked with."""
    cert: str | PathLike[str] | None = None
    """The client's own certificate, for a server that asks for one."""
    key: str | PathLike[str] | None = None
    """Its private key."""

    def credentials(self) -> Any:
        """The channel's credentials. Raises OSError for a file that can't be read."""
        return grpc.ssl_channel_credentials(*self._read())

    def _read(self) -> Files:
        """Contents of `ca`, `key` and `cert`."""
        ca, key, cert = (Path(path).read_bytes() if path else None for path in (self.ca, self.key, self.cert))
        return ca, key, cert


def read_files(tls: TLS | bool) -> Files | None:
    """The files of a client's `tls`; None without TLS. Raises OSError for a file that can't be read."""
    if not tls:
        return None
    return (TLS() if tls is True else tls)._read()


def open_channel(api: Any, target: str, tls: Files | None) -> Any:
    """A channel of `grpc` or of `grpc.aio`. It connects when it is used first."""
    options: Sequence[tuple[str, Any]] = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # A connection that died without a word is noticed within 40 s.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Its own connection, and not one that another client in this process has opened.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if target.startswith("unix:"):
        # gRPC would name the socket by its path, which HTTP/2 libraries refuse.
        options = [*options, ("grpc.default_authority", "localhost")]
    if tls is not None:
        return api.secure_channel(target, grpc.ssl_channel_credentials(*tls), options)
    return api.insecure_channel(target, options)


def metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """What each call carries."""
    return (("authorization", f"Bearer {token}"),) if token else ()
