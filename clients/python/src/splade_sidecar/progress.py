"""Optional progress bar of streams."""

from __future__ import annotations

from typing import Any, Protocol

from splade_sidecar.types import Summary


class Progress(Protocol):
    """Receiver of progress reports of a stream."""

    def update(self, results: int, summary: Summary | None) -> None:
        """Reports `results` more completed items."""

    def close(self) -> None:
        """Reports the end of the stream."""


class Silent:
    """Discards progress reports."""

    def update(self, results: int, summary: Summary | None) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class Bar:
    """tqdm progress bar with the rate, and with the remaining time if the iterable has a length."""

    def __init__(self, given: object, noun: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError('progress=True requires tqdm: pip install "splade-sidecar[progress]"') from None
        total = len(given) if hasattr(given, "__len__") else None
        self._bar: Any = tqdm(total=total, unit=noun)

    def update(self, results: int, summary: Summary | None) -> None:
        """Advances the bar, and shows the number of rejections and reconnects if there are any."""
        if summary is not None and (summary.rejected or summary.reconnects):
            self._bar.set_postfix(rejected=summary.rejected, reconnects=summary.reconnects, refresh=False)
        self._bar.update(results)

    def close(self) -> None:
        """Closes the bar and leaves it on the screen."""
        self._bar.close()
