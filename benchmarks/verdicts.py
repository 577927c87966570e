"""The project's targets for speed, each with the figure of this run: met or missed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Course, Turn
from benchmarks.results import MEGABYTE, Result, added, ratio

OURS, EMBEDDED = "ours-server", "ours-embedded"
Measured = Mapping[str, Result]


@dataclass(frozen=True)
class Goal:
    what: str
    figure: Callable[[Measured], float]
    """KeyError where a target that it needs was not measured."""
    at_least: float | None = None
    at_most: float | None = None
    digits: int = 0

    def is_met(self, figure: float) -> bool:
        if self.at_least is not None and figure < self.at_least:
            return False
        return self.at_most is None or figure <= self.at_most

    def bound(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:,g}"
        return f"<= {self.at_most:,g}"


def verdicts(results: list[Result]) -> Iterator[str]:
    measured = {result.target.name: result for result in results if result.turns}
    for goal in GOALS:
        try:
            figure = goal.figure(measured)
        except KeyError:
            continue
        word = "pass" if goal.is_met(figure) else "MISS"
        yield f"{word}  {goal.what:<62} {figure:>9,.{goal.digits}f}   {goal.bound()}"


def _middle(name: str, of: Callable[[Turn], float]) -> Callable[[Measured], float]:
    return lambda measured: median(of(turn) for turn in measured[name].turns)


def _share(limit: str) -> Callable[[Measured], float]:
    """Per cent of what `limit` does, in chat completions per second."""
    return lambda measured: 100 * ratio(measured[OURS], measured[limit], _chat_ratio).middle


def _chat_ratio(one: Turn, other: Turn) -> float:
    return one.chat.per_second / other.chat.per_second


def _course(measured: Measured, name: str) -> Course:
    course = measured[name].course
    assert course, "only what was measured is here"
    return course


GOALS = (
    Goal("chat completions per second and core", _middle(OURS, lambda turn: turn.chat.per_second), at_least=1500),
    Goal("% of bare ASGI with the same HTTP client", _share("bare-httpx"), at_least=50),
    Goal("% of bare ASGI with the part of it that we use", _share("bare-transport"), at_least=50),
    Goal("streams of 30 chunks per second and core", _middle(OURS, lambda turn: turn.stream.per_second), at_least=1000),
    Goal("added latency at 50 requests/s, p50, ms", lambda measured: added(measured[OURS])[0], at_most=1, digits=2),
    Goal("added latency at 50 requests/s, p99, ms", lambda measured: added(measured[OURS])[1], at_most=4, digits=2),
    Goal("memory, idle, MB", lambda measured: _course(measured, OURS).idle_bytes / MEGABYTE, at_most=120),
    Goal(
        "embedded, empty folder to first answered completion, s",
        lambda measured: _course(measured, EMBEDDED).gateway.started_seconds,
        at_most=6,
        digits=1,
    ),
)
