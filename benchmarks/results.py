"""What came of the targets, and how figures of several rounds become one."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.measure import Course, Turn
from benchmarks.targets import Target

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Result:
    """A target with its course, or why there is none or not all of it."""

    target: Target
    course: Course | None = None
    absent: str = ""
    failure: str = ""

    @property
    def turns(self) -> list[Turn]:
        return self.course.turns if self.course else []


@dataclass(frozen=True)
class Spread:
    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        known = list(values)
        return cls(median(known), min(known), max(known))

    def text(self, digits: int = 0) -> str:
        return f"{self.middle:,.{digits}f} ({self.low:,.{digits}f}-{self.high:,.{digits}f})"


def ratio(one: Result, other: Result, of: Callable[[Turn, Turn], float]) -> Spread:
    """Of two targets within each round."""
    return Spread.of(of(a, b) for a, b in zip(one.turns, other.turns, strict=False))


def added(result: Result) -> tuple[float, float]:
    """Milliseconds at 50 requests per second, p50 and p99."""
    return median(turn.added.p50_ms for turn in result.turns), median(turn.added.p99_ms for turn in result.turns)


def as_json(results: list[Result]) -> dict[str, Any]:
    return {result.target.name: _result_json(result) for result in results}


def _result_json(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"title": result.target.title, "absent": result.absent, "failure": result.failure}
    if course := result.course:
        told |= {"about": course.gateway.about, "started_seconds": course.gateway.started_seconds}
        told |= {"idle_bytes": course.idle_bytes, "after_bytes": course.after_bytes}
        told |= {"turns": [asdict(turn) for turn in course.turns]}
        told |= {"books": [asdict(check) for check in course.books]}
    return told
