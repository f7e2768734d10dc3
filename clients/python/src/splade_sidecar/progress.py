"""A progress bar, if one is wanted."""

from __future__ import annotations

from typing import Any, Protocol

from splade_sidecar.types import Summary


class Progress(Protocol):
    """Where the progress of an ingest is reported."""

    def update(self, results: int, summary: Summary | None) -> None:
        """Reports `results` more items as completed."""

    def close(self) -> None:
        """It has ended."""


class Silent:
    """Reports nothing."""

    def update(self, results: int, summary: Summary | None) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Bar:
    """A bar of tqdm: rate, and where their number is known, the time to go."""

    def __init__(self, given: object, noun: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError('progress=True needs tqdm: pip install "splade-sidecar[progress]"') from None
        total = len(given) if hasattr(given, "__len__") else None
        self._bar: Any = tqdm(total=total, unit=noun)

    def update(self, results: int, summary: Summary | None) -> None:
        """Moves it."""
        if summary is not None and (summary.rejected or summary.reconnects):
            self._bar.set_postfix(rejected=summary.rejected, reconnects=summary.reconnects, refresh=False)
        self._bar.update(results)

    def close(self) -> None:
        """Leaves it as it is."""
        self._bar.close()
