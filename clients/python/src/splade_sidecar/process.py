"""What the package does when its process forks, and what may not be copied into another process.

gRPC's threads don't survive a fork. A client that is used in the child opens a connection of its own there. If calls
were in progress at the fork, or a channel of grpc.aio was open, whose thread polls all the time, then threads may have
held gRPC's locks, and the child could wait for them for ever or crash: it gets an error instead.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_FORKED_IN_CALL = (
    "this process was forked while a call of splade_sidecar was in progress or an AsyncClient was open, so gRPC can't "
    "be used in it; fork between calls and close the AsyncClient before, or start processes with spawn or forkserver"
)

# Tokens of the calls in progress. Adding to a set and discarding from it are atomic.
_in_progress: set[object] = set()
# Of grpc.aio.
_open_connections: weakref.WeakSet[Any] = weakref.WeakSet()
_forked_in_call = False


@contextmanager
def call_in_progress() -> Iterator[None]:
    """Marks a call. Raises RuntimeError in a process where it might never end."""
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
    """Marks a connection of grpc.aio as open, until `drop` or for as long as it is there."""
    _open_connections.add(connection)


def mark_closed(connection: object) -> None:
    """Marks it as closed."""
    _open_connections.discard(connection)


def _after_fork() -> None:
    global _forked_in_call
    _forked_in_call = _forked_in_call or bool(_in_progress) or bool(_open_connections)
    _in_progress.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Uncopyable:
    """An object that holds a connection: it can be neither pickled nor copied."""

    _remedy = "make a client in each process"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} can't be pickled or copied: it holds a connection to the server; {self._remedy}"
        )
