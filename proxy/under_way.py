"""The requests that this process is serving at the moment, for whoever looks for those that hang."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.run import Run


class UnderWay:
    """Belongs to the event loop. As many as there are: none is forgotten, and none stays when it is over."""

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}

    def add(self, run: "Run") -> None:
        self._runs[id(run)] = run

    def discard(self, run: "Run") -> None:
        """May be called again."""
        self._runs.pop(id(run), None)

    def __iter__(self) -> "Iterator[Run]":
        return iter(self._runs.values())

    def __len__(self) -> int:
        return len(self._runs)
