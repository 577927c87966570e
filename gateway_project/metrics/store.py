"""The numbers that this process counts, brought to the sums of the fleet about once a second.

With a Redis the sums are there, each process has a file of its own, and whoever finds the file of a dead process on
its machine adds what is missing. Without one this process is alone: its file holds the sums, and the next process
counts on in it.
"""

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, REGISTRY, CollectorRegistry, Gauge
from prometheus_client.metrics import MetricWrapperBase

from gateway_project.metrics.cells import SUFFIX, Cells, Numbers, adding, left_behind
from gateway_project.metrics.fleet_sums import FleetSums, Gauges
from gateway_project.metrics.series import Changes, Series
from proxy.exposition import label_text
from proxy.metrics.errors import ERRORS, note_error
from proxy.metrics.idle import NEVER, Idleness

if TYPE_CHECKING:
    from gateway_project.metrics.values import Value

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
LOOK_FOR_THE_DEAD_EVERY = 30
_ALONE = "local"


@dataclass
class Sums:
    """What a page is made of. `numbers` are by series and part; `gauges` are of every living process.

    `began` says since when they are counted, in nanoseconds: another time than before means that they began anew.
    `is_whole` is False while the sums of the fleet cannot be had: then there are none, rather than lower ones.
    """

    series: Mapping[str, Series]
    numbers: Mapping[str, Mapping[str, float]]
    gauges: list[Gauges] = field(default_factory=list)
    is_fleet: bool = False
    is_whole: bool = True
    began: int = 0

    def by_metric(self) -> dict[str, list[Series]]:
        """Those that are shown and defined, by the name of their metric."""
        found: dict[str, list[Series]] = {}
        for series_id in self.numbers:
            if (series := self.series.get(series_id)) is not None:
                found.setdefault(series.metric, []).append(series)
        return found


class MetricStore:
    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        # The first is also taken where requests are answered, and is never held while somebody waits for Redis.
        self._making = threading.Lock()
        self._flushing = threading.Lock()
        self._cells = Cells()
        self._placed: list[tuple[Series, str, Value]] = []
        self._process = ""
        self._folder: Path | None = None
        self._fleet: FleetSums | None = None
        self._stopping = threading.Event()
        self._flusher: threading.Thread | None = None

    def place(self, series: Series, part: str, value: "Value") -> tuple[Numbers, int]:
        """Where prometheus_client's `value` counts."""
        with self._making:
            try:
                found = self._cells.place(series, part)
            except OSError:
                logger.exception("The disk has no room for another metric: it is not counted")
            else:
                self._placed.append((series, part, value))
                return found
        if series.metric != ERRORS._name:
            note_error("place")
        return Cells().place(series, part)

    def start(self, folder: Path, *, redis_url: str) -> None:
        """Keep the numbers in `folder` from now on and, with a Redis, add them to those of all processes there.

        Raises OSError where the folder cannot be written.
        """
        if self._folder == folder and not redis_url:
            # Alone, it never stopped keeping them.
            return
        self._process = uuid.uuid4().hex
        with self._making:
            self._folder = folder
            # Whatever this process counted until now, before it knew where.
            self._cells = self._own_cells(folder, alone=not redis_url)
            self._cells.began(time.time_ns())
            for series, part, value in self._placed:
                value.move(*self._cells.place(series, part))
        if not redis_url:
            self._settle_the_dead()
            return
        self._fleet = FleetSums(redis_url)
        # Of one process among many, and of another one at each scrape: these would only mislead.
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            if collector in self._registry._collector_to_names:
                self._registry.unregister(collector)
        self._stopping.clear()
        self._flusher = threading.Thread(target=self._flush_for_ever, name="metric-flusher", daemon=True)
        self._flusher.start()

    def stop(self) -> None:
        """What was counted is in Redis when this returns, if Redis answers; else it waits in the file."""
        if self._flusher is None or self._fleet is None:
            return
        self._stopping.set()
        self._flusher.join(timeout=5)
        if self._flush_or_warn():
            self._cells.forget()
        else:
            # Others on this machine may settle it from now on.
            self._cells.close()
        try:
            self._fleet.fall_silent(self._process)
        except redis.RedisError:
            logger.warning("Redis does not answer: the gauges of this process stand for some more seconds")
        self._fleet.close()
        self._begin_again()

    def after_fork(self) -> None:
        """In the child: what the parent counted, its file and its lock are the parent's own."""
        self._making, self._flushing, self._stopping = threading.Lock(), threading.Lock(), threading.Event()
        # Another thread of the parent may have held any of these, and will never release them here.
        metrics = [one for one in self._registry._collector_to_names if isinstance(one, MetricWrapperBase)]
        for lock in (adding, self._registry._lock, *(one._lock for one in metrics if one._labelnames)):
            lock._at_fork_reinit()  # type: ignore[attr-defined]
        inherited = self._cells
        self._begin_again()
        inherited.abandon()

    def _begin_again(self) -> None:
        """From nothing, in memory, until the next start."""
        with self._making:
            self._folder = self._fleet = self._flusher = None
            self._cells = Cells()
            for series, part, value in self._placed:
                value.start_at(*self._cells.place(series, part))

    def sums(self, idleness: Idleness = NEVER) -> Sums:
        """Of the fleet, what this process counted included, without series that are idle. May wait for Redis."""
        fleet = self._fleet
        if fleet is None:
            return self._own_sums(idleness)
        try:
            self._flush()
            numbers = fleet.read()
            series = fleet.series(numbers)
            if idleness:
                numbers = _in_use(idleness, series, numbers, *fleet.touched(numbers))
            return Sums(series, numbers, fleet.said(), is_fleet=True, began=fleet.began())
        except redis.RedisError:
            note_error("read")
            logger.warning("Metrics of the fleet cannot be shown: Redis does not answer")
            return Sums({}, {}, is_fleet=True, is_whole=False)

    def _own_sums(self, idleness: Idleness) -> Sums:
        now = time.time()
        with self._making:
            touched: Mapping[str, float] = {}
            if idleness:
                try:
                    touched = self._cells.touched(now)
                except OSError:
                    note_error("touch")
                    logger.exception("The disk has no room to note which metrics are idle: all are shown")
            series, numbers = dict(self._cells.series), _by_series(self._cells.counted())
            began = self._cells.began(time.time_ns())
        shown = _in_use(idleness, series, numbers, touched, now) if idleness else numbers
        return Sums(series, shown, began=began)

    def _own_cells(self, folder: Path, *, alone: bool) -> Cells:
        if alone:
            path = folder / f"{_ALONE}{SUFFIX}"
            try:
                return Cells.take_over(path)
            except FileNotFoundError:
                return Cells.create(path)
            except BlockingIOError:
                logger.warning("Another process counts in this folder without a Redis: each shows its own metrics")
            except ValueError:
                logger.exception("The file of metrics is damaged: counting begins anew")
                path.rename(path.with_suffix(".damaged"))
                return Cells.create(path)
        return Cells.create(folder / f"{self._process}{SUFFIX}")

    def _flush_for_ever(self) -> None:
        turn = 0
        while not self._stopping.is_set():
            try:
                if turn % LOOK_FOR_THE_DEAD_EVERY == 0:
                    self._settle_the_dead()
                self._flush_or_warn()
            except Exception:
                # Who no longer flushes would not be missed before its counters are.
                note_error("flush")
                logger.exception("Metrics could not be flushed")
            turn += 1
            self._stopping.wait(FLUSH_SECONDS)

    def _flush_or_warn(self) -> bool:
        try:
            self._flush()
        except redis.RedisError:
            note_error("flush")
            logger.warning("Metrics wait: Redis does not answer")
            return False
        return True

    def _flush(self) -> None:
        assert self._fleet is not None
        with self._flushing:
            sequence, changes = self._cells.pending()
            if changes:
                # Whether the last attempt arrived is not known; it counts once however often it is sent.
                self._fleet.add(self._process, sequence, changes, self._cells.series)
                self._cells.flushed(sequence)
            sequence, changes = self._cells.prepare()
            if changes:
                self._fleet.add(self._process, sequence, changes, self._cells.series)
                self._cells.flushed(sequence)
            self._fleet.say(self._process, gauges_of(self._registry))

    def _settle_the_dead(self) -> None:
        assert self._folder is not None
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path == self._cells.path:
                continue
            try:
                with left_behind(path) as left:
                    if left is not None:
                        for sequence, changes in left.flushes:
                            self._add_of_another(left.process, sequence, changes, left.series)
            except redis.RedisError:
                note_error("left_behind")
                logger.warning("Metrics of a process that died wait: Redis does not answer")
            except (OSError, ValueError):
                note_error("left_behind")
                logger.exception("Metrics of a process that died cannot be read", extra={"file": path.name})

    def _add_of_another(self, process: str, sequence: int, changes: Changes, series: Mapping[str, Series]) -> None:
        if self._fleet is not None:
            self._fleet.add(process, sequence, changes, series)
            return
        for key, amount in changes.items():
            with self._making:
                numbers, at = self._cells.place(series[key.series], key.part)
            with adding:
                numbers[at] += amount


def _by_series(numbers: Changes) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, value in numbers.items():
        found.setdefault(key.series, {})[key.part] = value
    return found


def _in_use(
    idleness: Idleness,
    series: Mapping[str, Series],
    numbers: dict[str, dict[str, float]],
    touched: Mapping[str, float],
    now: float,
) -> dict[str, dict[str, float]]:
    def is_idle(series_id: str) -> bool:
        if (one := series.get(series_id)) is None:
            return False
        at = touched.get(series_id, now)
        return idleness.is_over(one.metric, one.names, one.values, touched_at=at, now=now)

    return {series_id: parts for series_id, parts in numbers.items() if not is_idle(series_id)}


def gauges_of(registry: CollectorRegistry) -> Gauges:
    """What this process says of itself: metric, labels and value of its gauges that are to be taken together."""
    found: Gauges = []
    for gauge in list(registry._collector_to_names):
        if isinstance(gauge, Gauge):
            try:
                found += [
                    (metric.name, label_text(sample.labels), sample.value)
                    for metric in gauge.collect()
                    for sample in metric.samples
                ]
            except Exception:
                note_error("gauge")
                logger.exception("A gauge cannot be read", extra={"metric": gauge._name})
    return found


store = MetricStore()


def place(series: Series, part: str, value: "Value") -> tuple[Numbers, int]:
    return store.place(series, part, value)
