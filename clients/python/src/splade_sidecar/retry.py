"""When to try again: exponential backoff with jitter, and never before the server wants it."""

import random
import time
from collections.abc import Callable

from splade_sidecar.errors import SpladeError

FIRST_S = 0.1
LONGEST_S = 10.0


class Backoff:
    """Counts failures since the last progress."""

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
        """What came after the last failure went well."""
        self._failures = 0
        self._since = None

    def delay(self, error: SpladeError) -> float | None:
        """Seconds to wait; None if it is of no use, or if the wait would end later than `give_up_after`
        seconds after the first failure."""
        if not error.retryable:
            return None
        now = self._clock()
        if self._since is None:
            self._since = now
        longest = min(LONGEST_S, FIRST_S * 2 ** min(self._failures, 10))
        self._failures += 1
        delay = (error.retry_after or 0.0) + longest * self._jitter()
        late = now - self._since + delay > self._give_up_after
        return None if late else delay
