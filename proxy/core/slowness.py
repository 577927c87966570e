"""When answers of a model are slow as a whole: percentiles over what was measured lately. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self


class Measure(StrEnum):
    """A stream may take its time to the end, so what counts of it is when it begins."""

    RESPONSE_TIME = "response time"
    FIRST_TOKEN = "time to first token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class SlowPercentile:
    """`alerting_args.slow_percentile`: seconds that the percentile must not exceed, by measure; None is no bound."""

    percentile: float = 95.0
    seconds: float | None = None
    ttft_seconds: float | None = None
    minimum_requests: int = 20
    of_models: Mapping[str, "SlowPercentile"] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Any) -> Self | None:
        """None when nothing is asked for; values of the wrong kind are as if they were left out."""
        if not isinstance(given, Mapping):
            return None
        found = cls()._with(given)
        models = given.get("models")
        own = {
            str(name): replace(found)._with(values)
            for name, values in (models.items() if isinstance(models, Mapping) else ())
            if isinstance(values, Mapping)
        }
        return replace(found, of_models=own)

    def _with(self, given: Mapping[str, Any]) -> Self:
        wanted: dict[str, Any] = {
            field: number for name, field in _NAMES.items() if (number := _positive(given.get(name))) is not None
        }
        if not 0 < wanted.get("percentile", 1) <= 100:
            del wanted["percentile"]
        return replace(self, **wanted)

    def of(self, model: str) -> "SlowPercentile":
        return self.of_models.get(model, self)

    def bound(self, measure: Measure) -> float | None:
        return self.ttft_seconds if measure is Measure.FIRST_TOKEN else self.seconds


_NAMES = {
    "percentile": "percentile",
    "seconds": "seconds",
    "ttft_seconds": "ttft_seconds",
    "min_requests": "minimum_requests",
}


@dataclass(frozen=True, slots=True)
class Slow:
    """A model whose percentile exceeds what it may be; seconds."""

    model: str
    measure: Measure
    percentile: float
    seconds: float
    bound: float
    requests: int


def slow_models(
    measured: Mapping[tuple[str, Measure], Iterable[tuple[float, float]]], wanted: SlowPercentile, *, since: float
) -> list[Slow]:
    """`measured` are pairs of when and how many seconds, of which those from `since` on count."""
    found = []
    for (model, measure), samples in measured.items():
        own = wanted.of(model)
        if (bound := own.bound(measure)) is None:
            continue
        lately = sorted(seconds for at, seconds in samples if at >= since)
        if len(lately) >= max(1, own.minimum_requests) and (worst := percentile(lately, own.percentile)) > bound:
            found.append(Slow(model, measure, own.percentile, worst, bound, len(lately)))
    return found


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed. `ordered` is not empty."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _positive(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if known and 0 < value < math.inf else None
