"""What prometheus_client keeps its numbers in. Metrics are declared as everywhere; only the place of a number is ours.

A value is of one process. What a page shows are sums, made from what all processes counted: see store.py.
"""

from typing import Any

import prometheus_client
from prometheus_client import values as prometheus_values

from gateway_project.metrics import store
from gateway_project.metrics.cells import Numbers, adding
from gateway_project.metrics.series import Series

# Numbers of gauges are truths of a moment and are nowhere added up.
SUMMED_TYPES = frozenset({"counter", "histogram", "summary"})


class Value:
    """One number of one series, as prometheus_client asks for it."""

    _multiprocess = False
    __slots__ = ("_at", "_numbers")

    def __init__(  # noqa: PLR0917 - prometheus_client calls it by position
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: tuple[str, ...],
        labelvalues: tuple[str, ...],
        help_text: str,
        **_: Any,
    ) -> None:
        if typ not in SUMMED_TYPES:
            self._numbers: Numbers = memoryview(bytearray(8)).cast("d")
            self._at = 0
            return
        part = name.removeprefix(metric_name)
        if part == "_bucket":
            part, labelnames, labelvalues = f"_bucket:{labelvalues[-1]}", labelnames[:-1], labelvalues[:-1]
        self._numbers, self._at = store.place(Series(metric_name, labelnames, labelvalues), part, self)

    def move(self, numbers: Numbers, at: int) -> None:
        """Count on there, what was counted here included."""
        with adding:
            numbers[at] += self._numbers[self._at]
            self._numbers, self._at = numbers, at

    def start_at(self, numbers: Numbers, at: int) -> None:
        """Count on there, without what was counted here."""
        with adding:
            self._numbers, self._at = numbers, at

    def inc(self, amount: float) -> None:
        with adding:
            self._numbers[self._at] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        with adding:
            self._numbers[self._at] = value

    def get(self) -> float:
        return float(self._numbers[self._at])

    @property
    def cell(self) -> tuple[Numbers, int]:
        """Where it counts. Whoever is the only thread that counts it may add there without a lock."""
        return self._numbers, self._at

    def set_exemplar(self, exemplar: Any) -> None:
        """Not kept."""

    def get_exemplar(self) -> None:
        return None


def install() -> None:
    """Before the first metric is declared."""
    prometheus_values.ValueClass = Value
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
