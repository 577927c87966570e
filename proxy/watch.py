"""One look a second at what is under way and what came of it: who hangs, who is slow, who is out of order.

The request path only leaves numbers behind; what they mean is decided in proxy.core (hanging, slowness, outages).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import alerts.services
from alerts.events import Event
from proxy.core.detection import DetectionSettings
from proxy.core.hanging import hanging
from proxy.core.outages import Member, Outage, Place, Severity, Window, goes_on, judge, regions_out
from proxy.core.slowness import Measure, slow_models
from proxy.deployments import Deployment
from proxy.open_alerts import OpenAlerts
from proxy.registry import RoutingTable
from proxy.state import RouterState
from proxy.trouble_events import hanging_event, outage_event, region_event, slow_event, slow_model_event
from proxy.under_way import UnderWay

if TYPE_CHECKING:
    from proxy.attempt import Attempt

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
HANGING_SECONDS = 5.0
# However impatient somebody is, looking must not be all that is done.
SHORTEST_SECONDS = 0.05
READ_SECONDS = 5.0
# Percentiles are of so long, and of no more than so many of each model.
SLOW_SECONDS = 300.0
SAMPLES = 200
MOST_MODELS = 500
# They are sorted for it, which must not be felt.
PERCENTILE_SECONDS = 5.0


@dataclass(slots=True)
class _Out:
    """A deployment in outage, or one that was a moment ago."""

    deployment: Deployment
    outage: Outage
    window: Window
    last_seen_at: float
    is_out: bool = True
    told: set[Severity] = field(default_factory=set)


class Watch:
    """`refresh` is for the refresher's thread, everything else for the event loop."""

    def __init__(self, state: RouterState, under_way: UnderWay, table: Callable[[], RoutingTable]) -> None:
        self.settings = DetectionSettings()
        self._state = state
        self._under_way = under_way
        self._table = table
        self._named: tuple[RoutingTable | None, dict[str, Deployment]] = (None, {})
        self._read_at = -READ_SECONDS
        self._task: asyncio.Task[None] | None = None
        self._samples: dict[tuple[str, Measure], deque[tuple[float, float]]] = {}
        self._looked_for_hanging_at = self._looked_for_slow_at = 0.0
        self._hung: frozenset[int] = frozenset()
        self._out: dict[str, _Out] = {}
        self._regions_told: dict[Place, set[Severity]] = {}
        self._open_hanging, self._open_slow = OpenAlerts(stays=self._hangs_elsewhere), OpenAlerts()
        self._open_regions, self._open_outages = OpenAlerts(), OpenAlerts()

    def start(self) -> None:
        """After the first `refresh`."""
        self._state.keep_outcomes(self.settings.outages.window)
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def refresh(self) -> None:
        """Raises django.db.Error."""
        now = time.monotonic()
        if now - self._read_at >= READ_SECONDS:
            self._read_at = now
            self.settings = DetectionSettings.read(*alerts.services.detection())

    def answered(self, attempt: "Attempt", *, seconds: float) -> None:
        """An attempt succeeded; a whole answer took so long."""
        measure = Measure.RESPONSE_TIME
        if attempt.first_token_seconds is not None:
            measure, seconds = Measure.FIRST_TOKEN, attempt.first_token_seconds
        settings = self.settings
        if seconds > settings.threshold:
            alerts.services.emit(slow_event(attempt, measure, seconds=seconds, threshold=settings.threshold))
        if settings.slow_percentile is not None:
            self._note(attempt.deployment.model_group, measure, seconds)

    def _note(self, model_group: str, measure: Measure, seconds: float) -> None:
        key = (model_group, measure)
        if (samples := self._samples.get(key)) is None:
            if len(self._samples) >= MOST_MODELS:
                return
            samples = self._samples[key] = deque(maxlen=SAMPLES)
        samples.append((time.monotonic(), seconds))

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(max(SHORTEST_SECONDS, min(LOOK_SECONDS, self.settings.threshold / 4)))
            try:
                self.look()
            except Exception:
                # Who no longer looks would not be missed.
                logger.exception("Could not look for what hangs, is slow or out of order")

    def look(self) -> None:
        """Raise what is wrong and was not, and settle what was and is not."""
        self._look_for_hanging()
        self._look_for_outages()
        self._look_for_slow_models()

    def _look_for_hanging(self) -> None:
        now, threshold = time.perf_counter(), self.settings.threshold
        if now - self._looked_for_hanging_at < min(HANGING_SECONDS, threshold / 4):
            return
        self._looked_for_hanging_at = now
        found = hanging(self._under_way, threshold=threshold, now=now)
        self._state.hanging = {}
        for (_, deployment_id), runs in found.items():
            self._state.hanging[deployment_id] = self._state.hanging.get(deployment_id, 0) + len(runs)
        before = self._hung
        self._hung = frozenset(id(run) for runs in found.values() for run in runs)
        self._open_hanging.follow(
            (hanging_event(runs, threshold=threshold, now=now), sum(id(run) not in before for run in runs))
            for runs in found.values()
        )

    def _hangs_elsewhere(self, event: Event) -> bool:
        return self._state.hangs_elsewhere(event.labels()["deployment"])

    def _look_for_slow_models(self) -> None:
        wanted = self.settings.slow_percentile
        if wanted is None:
            self._samples.clear()
            self._open_slow.follow(())
            return
        now = time.monotonic()
        if now - self._looked_for_slow_at < PERCENTILE_SECONDS:
            return
        self._looked_for_slow_at = now
        since = now - SLOW_SECONDS
        for key in [key for key, samples in self._samples.items() if samples[-1][0] < since]:
            del self._samples[key]
        self._open_slow.follow((slow_model_event(one), 0) for one in slow_models(self._samples, wanted, since=since))

    def _look_for_outages(self) -> None:
        self._state.keep_outcomes(self.settings.outages.window)
        self._judge()
        # First the regions: what is told of one is not told of each of its deployments.
        self._open_regions.follow((event, 0) for event in self._region_events())
        self._open_outages.follow((event, 0) for event in self._outage_events())

    def _judge(self) -> None:
        settings, state, now = self.settings.outages, self._state, self._state.clock()
        for name in {*state.failing(), *self._out}:
            known, deployment = self._out.get(name), self._deployment(name)
            if deployment is None:
                self._out.pop(name, None)
                continue
            window = Window.of(state.outcomes(name), failed_probes=state.failed_probes(name))
            found = goes_on(
                known.outage if known and known.is_out else None,
                judge(window, settings),
                is_kept_out=state.is_kept_out(name),
            )
            if found is not None:
                told = {*(known.told if known and known.is_out else ()), found.severity}
                self._out[name] = _Out(deployment, found, window, now, told=told)
            elif known is not None:
                known.is_out = False
                if now - known.last_seen_at > settings.region_window:
                    del self._out[name]

    def _deployment(self, name: str) -> Deployment | None:
        table = self._table()
        if self._named[0] is not table:
            self._named = (table, {one.id: one for one in table.all_deployments()})
        return self._named[1].get(name)

    def _outage_events(self) -> Iterator[Event]:
        for one in self._out.values():
            for severity in sorted(one.told) if one.is_out else ():
                yield outage_event(
                    one.deployment, one.outage, one.window, severity=severity, seconds=self.settings.outages.window
                )

    def _region_events(self) -> Iterator[Event]:
        members = {
            name: Member(_place(one.deployment), one.outage.severity, one.is_out, one.last_seen_at)
            for name, one in self._out.items()
        }
        found = regions_out(members.values(), window=self.settings.outages.region_window, now=self._state.clock())
        self._regions_told = {
            place: {*self._regions_told.get(place, ()), severity} for place, (severity, _) in found.items()
        }
        for place, told in self._regions_told.items():
            deployments = [self._out[name].deployment for name, member in members.items() if member.place == place]
            for severity in sorted(told):
                yield region_event(place, deployments, severity=severity)


def _place(deployment: Deployment) -> Place:
    return Place(deployment.provider.name, deployment.region)
