"""Fork safety, and the base class of objects that can't be copied to another process.

gRPC's threads don't survive a fork, so a client opens a new connection in the child. If a call was in progress at the
fork, or a channel of grpc.aio was open (its thread polls permanently), another thread may have held locks of gRPC at
that moment, and the child could hang or crash. Calls in such a child raise RuntimeError instead.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_FORKED_IN_CALL = (
    "this process was forked while a splade_sidecar call was in progress or an AsyncClient was open, so it can't use "
    "gRPC; fork between calls and close the AsyncClient first, or start processes with spawn or forkserver"
)

# One token per call in progress. Needs no lock, since set.add and set.discard are atomic.
_in_progress: set[object] = set()
# Open connections of grpc.aio.
_open_connections: weakref.WeakSet[Any] = weakref.WeakSet()
_forked_in_call = False


@contextmanager
def call_in_progress() -> Iterator[None]:
    """Registers a call for the duration of the context. Raises RuntimeError in a process where gRPC can't be used."""
    check_process()
    token = object()
    _in_progress.add(token)
    try:
        yield
    finally:
        _in_progress.discard(token)


def check_process() -> None:
    """Raises RuntimeError in a process where gRPC can't be used."""
    if _forked_in_call:
        raise RuntimeError(_FORKED_IN_CALL)


def mark_open(connection: object) -> None:
    """Marks a connection of grpc.aio as open until `mark_closed` is called or the connection is garbage-collected."""
    _open_connections.add(connection)


def mark_closed(connection: object) -> None:
    """Marks a connection of grpc.aio as closed."""
    _open_connections.discard(connection)


def _after_fork() -> None:
    global _forked_in_call
    _forked_in_call = _forked_in_call or bool(_in_progress) or bool(_open_connections)
    _in_progress.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Uncopyable:
    """Base of objects that hold a connection and can be neither pickled nor copied."""

    _remedy = "create a client in each process"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} can't be pickled or copied: it holds a connection to the server; {self._remedy}"
        )
