"""Acceptance in Alertmanager's manner: at 1 s this is done, between 2 and 2.5 s a channel is told that.

    scene = stage.scene("gpt-4o")
    scene.at(1.0, lambda: fail(...))
    scene.want(AlertType.LLM_EXCEPTIONS, "it broke", level="High", between=(1.0, 2.5))
    scene.play()

A scene is about some words (a model, an alias), and every telling that holds them must be wanted: what nobody wanted
fails it, and so does a second telling of what was wanted once. `earliest` is exact; a machine that does other things
as well may be LATE, and never early.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from alerts.events import AlertType
from tests.functional.alerting.heard import Ear, Heard

LATE = 6.0
# Long enough for a second telling, were there one.
ECHO = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`count` tellings with all of `parts` by one channel, none earlier or later than said."""

    alert_type: AlertType
    parts: tuple[str, ...]
    channel: str
    status: str
    level: str
    earliest: float
    latest: float
    count: int

    def fits(self, heard: Heard) -> bool:
        return (
            (heard.channel, heard.alert_type, heard.status) == (self.channel, self.alert_type, self.status)
            and (not self.level or heard.level == self.level)
            and all(part in heard.text for part in self.parts)
        )

    def __str__(self) -> str:
        said = ", ".join(repr(part) for part in self.parts)
        when = f"between {self.earliest:g} and {self.latest:g} s"
        return f"{self.count} x {self.alert_type} ({self.status}) by {self.channel} {when}: {said}"


@dataclass(eq=False)
class Scene:
    """`about` None takes every telling for its own; `ears` are the channels by name."""

    ears: Mapping[str, Ear]
    about: tuple[str, ...] | None
    _acts: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _wanted: list[Wanted] = field(default_factory=list)
    _quiet_until: float = 0.0

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Acts are done beside each other; one that raises fails the scene."""
        self._acts.append((seconds, act))

    def want(
        self,
        alert_type: AlertType,
        *parts: str,
        between: tuple[float, float],
        status: str = "firing",
        level: str = "",
        count: int = 1,
        channel: str = "slack",
    ) -> None:
        """`parts` are read as the channel shows them, without its escapes."""
        earliest, latest = between
        self._wanted.append(
            Wanted(
                alert_type=alert_type, parts=parts, channel=channel, status=status, level=level,
                earliest=earliest, latest=latest, count=count,
            )
        )  # fmt: skip

    def want_nothing(self, *, until: float) -> None:
        """Nothing else about it is told before then. Without this the echo of what was wanted is waited for."""
        self._quiet_until = until

    def play(self) -> list[Heard]:
        """What was told, in order; raises AssertionError when that is not what was wanted."""
        began = time.monotonic()
        with ThreadPoolExecutor(max(1, len(self._acts))) as pool:
            acts = [pool.submit(_act, began + seconds, act) for seconds, act in self._acts]
            self._listen(began, acts)
            for act in acts:
                act.result()
        return self._judge(began)

    def _listen(self, began: float, acts: list["Future[None]"]) -> None:
        for one in self._wanted:
            self._wait(lambda one=one: self._count(one) >= one.count, until=began + one.latest + LATE)  # type: ignore[misc]
        self._wait(lambda: all(act.done() for act in acts), until=began + 120)
        time.sleep(max(ECHO if self._wanted else 0.0, began + self._quiet_until - time.monotonic()))

    def _wait(self, condition: Callable[[], bool], *, until: float) -> None:
        while not condition() and time.monotonic() < until:
            time.sleep(0.02)

    def _count(self, wanted: Wanted) -> int:
        return sum(wanted.fits(one) for one in self._heard())

    def _heard(self) -> list[Heard]:
        all_heard = sorted((one for ear in self.ears.values() for one in ear.heard()), key=lambda one: one.at)
        return [one for one in all_heard if self.about is None or any(words in one.text for words in self.about)]

    def _judge(self, began: float) -> list[Heard]:
        heard = self._heard()
        story = "\n".join(f"{one.at - began:6.2f} s {one}" for one in heard) or "nothing was told"
        for wanted in self._wanted:
            found = [one.at - began for one in heard if wanted.fits(one)]
            assert len(found) == wanted.count, f"{len(found)} times, wanted {wanted}\n{story}"
            assert min(found) >= wanted.earliest, f"too early, wanted {wanted}\n{story}"
            assert max(found) <= wanted.latest + LATE, f"too late, wanted {wanted}\n{story}"
        odd = [one for one in heard if not any(wanted.fits(one) for wanted in self._wanted)]
        assert not odd, f"nobody wanted {odd[0]}\n{story}"
        return heard


def _act(at: float, act: Callable[[], object]) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
    act()
