"""Retry delays: exponential backoff with jitter, added to the delay that the server asks for."""

import random
import time
from collections.abc import Callable

from splade_sidecar.errors import SpladeError

FIRST_S = 0.1
LONGEST_S = 10.0


def _ceiling(failures: int) -> float:
    """Returns the maximum delay in seconds after a number of earlier failures."""
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures, 10))


class Backoff:
    """Backoff that depends on the number of failures since the last progress."""

    def __init__(
        self,
        give_up_after: float,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._give_up_after, self._clock, self._jitter = give_up_after, clock, jitter
        self._failures = 0
        self._since: float | None = None

    def progressed(self) -> None:
        """Resets the number of failures after progress."""
        self._failures = 0
        self._since = None

    def delay(self, error: SpladeError) -> float | None:
        """Returns the delay before the next attempt in seconds.

        None if the error is not retryable, or if the retry would start more than `give_up_after` seconds after the
        first failure.
        """
        if not error.retryable:
            return None
        now = self._clock()
        if self._since is None:
            self._since = now
        ceiling = _ceiling(self._failures)
        self._failures += 1
        delay = (error.retry_after or 0.0) + ceiling * self._jitter()
        late = now - self._since + delay > self._give_up_after
        return None if late else delay


class Pause:
    """Delay after a drained stream: 0 for the first one, then exponential backoff until there is progress."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._count = 0

    def reset(self) -> None:
        """Resets the delay after progress."""
        self._count = 0

    def delay(self) -> float:
        """Returns the delay in seconds."""
        self._count += 1
        return 0.0 if self._count == 1 else _ceiling(self._count - 2) * self._jitter()
