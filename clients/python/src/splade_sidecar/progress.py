"""A progress bar, if one is wanted."""

from __future__ import annotations

from typing import Any, Protocol

from splade_sidecar.types import Summary


class Progress(Protocol):
    """What an ingest tells of its progress."""

    def tell(self, results: int, summary: Summary) -> None:
        """So many documents more have their result."""

    def close(self) -> None:
        """It has ended."""


class Silent:
    """Tells nobody."""

    def tell(self, results: int, summary: Summary) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Bar:
    """A bar of tqdm: rate, and where the number of documents is known, the time to go."""

    def __init__(self, documents: object) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError('progress=True needs tqdm: pip install "splade-sidecar[progress]"') from None
        total = len(documents) if hasattr(documents, "__len__") else None
        self._bar: Any = tqdm(total=total, unit="doc")

    def tell(self, results: int, summary: Summary) -> None:
        """Moves it."""
        if summary.rejected or summary.reconnects:
            self._bar.set_postfix(rejected=summary.rejected, reconnects=summary.reconnects, refresh=False)
        self._bar.update(results)

    def close(self) -> None:
        """Leaves it as it is."""
        self._bar.close()
