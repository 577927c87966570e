"""What a web process holds in memory to serve requests, from its start to its stop.

Snapshots are replaced whole by a thread that looks for new revisions; a request only ever reads attributes.
"""

import asyncio
import logging
import math
import random
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import orjson
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest
from prometheus_client import REGISTRY

import alerts.services
from alerts.patience import give_up_after
from budgets.core.admission import CounterCheck, Seed
from budgets.counters import rolled_up, spent_now
from budgets.in_flight import InFlight
from budgets.late_rollup import LateRollUp
from budgets.ledger import LedgerWriter
from budgets.limits.batching import Admission
from budgets.request_limits import RequestLimits
from budgets.spool import Spool
from proxy.auth import ensure_route_allowed
from proxy.calendar import stored_calendar
from proxy.deployments import concretize
from proxy.fleet import Fleet
from proxy.health_checks import HealthWatch
from proxy.metrics import internals
from proxy.metrics.calls import CallMetrics
from proxy.metrics.requests import RequestMetrics
from proxy.metrics.settings import MetricSettings
from proxy.metrics.state import register_state
from proxy.policy import Policy
from proxy.prober import Prober
from proxy.quota import Quotas
from proxy.registry import Group, RoutingTable, load_routing_table
from proxy.spending import UpstreamSpending
from proxy.state import RouterState
from proxy.traces import TraceWriter
from proxy.under_way import UnderWay
from proxy.upstream import MOST_ANSWER_BYTES, Upstream
from proxy.watch import Watch
from teams import revisions
from teams.authentication import ensure_current, ensure_team_not_blocked, identify
from teams.calendars import set_source
from teams.errors import ApiError, KeyUnverifiable, UnknownKey
from teams.services import ADMIN_USER_ID
from teams.snapshot import KeySnapshot, Principal

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Prices are dated, so the table is built again now and then even when no row changed.
REBUILD_SECONDS = 3600.0
STALE_SECONDS = 10.0
# Of one answer of the database: all keys may take a few.
REFRESH_SECONDS = 15.0
# A connection that died while idle is no trouble; when the next one fails as well, it is.
TOLD_FAILURES = 2
COMPARE_SECONDS = 5.0
URGENT_SECONDS = 10.0
COMPARED_FOR_SECONDS = 60.0
MOST_COMPARED = 5000
MOST_PATTERN_MODELS = 1000
# What still runs for nobody, such as the slower of two asked, when the process stops.
STRAGGLERS_SECONDS = 30.0
LAST_REFRESH_SECONDS = 5.0
T = TypeVar("T")


class Runtime:
    """`start` before the first request, `stop` after the last. Belongs to one event loop."""

    table: RoutingTable
    policy: Policy
    metrics: RequestMetrics

    def __init__(self) -> None:
        self.keys = KeySnapshot(admin_id=ADMIN_USER_ID)
        self.quotas = Quotas(settings.REDIS_URL)
        self.upstream = Upstream(settings.UPSTREAM_NETWORKS, heard=self.quotas.note)
        process = uuid4().hex
        self.ledger = LedgerWriter(
            Spool(settings.LEDGER_SPOOL_DIR, process), InFlight(settings.LEDGER_SPOOL_DIR, process), self._note_settled
        )
        self.late_roll_up = LateRollUp()
        self.limits = RequestLimits(self.keys)
        self.admission = Admission(redis_url=settings.REDIS_URL, spent_now=spent_now)
        self._counters: dict[str, tuple[int, float]] = {}
        self._compared_at = 0.0
        self._settled_at = -math.inf
        self.traces = TraceWriter()
        self.state = RouterState()
        self.fleet = Fleet(self.state, settings.REDIS_URL, self.quotas)
        self.under_way = UnderWay()
        self.watch = Watch(self.state, self.under_way, lambda: self.table)
        self.spending = UpstreamSpending()
        self.health = HealthWatch()
        self.prober = Prober(self.upstream, self.ledger, self.spawn)
        self.chance = random.Random()  # noqa: S311 - spreads load
        self._by_pattern: dict[tuple[str, str], Group] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.draining = False
        self._master_key = settings.MASTER_KEY
        self._seen: dict[str, int] = {}
        self._built_at = 0.0
        self._database_seen_at = 0.0
        self._stopping = threading.Event()
        self._followed = threading.Condition()
        self._refresher = threading.Thread(target=self._refresh_for_ever, name="snapshot-refresher", daemon=True)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._first_load)
        wanted = MetricSettings.read(self.table.settings["litellm_settings"])
        self.metrics = RequestMetrics(REGISTRY, wanted)
        REGISTRY.register(CallMetrics(wanted, self._api_bases))
        register_state(REGISTRY, wanted, self)
        internals.follow(self.ledger, self.admission, lambda: self.seconds_behind)
        self.ledger.start()
        await self.ledger.wait_until_settled()
        self.late_roll_up.start()
        self.admission.start()
        self.traces.start()
        self.fleet.start()
        alerts.services.start_buffer()
        self.watch.start()
        self._refresher.start()

    async def stop(self) -> None:
        """Everything that was answered is on disk when this returns."""
        self.draining = True
        self._stopping.set()
        revisions.changed.wake()
        await self.watch.stop()
        await self.fleet.stop()
        self.quotas.close()
        if self._refresher.is_alive():
            # It hands work to this loop, which is closed soon.
            await asyncio.to_thread(self._refresher.join, LAST_REFRESH_SECONDS)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STRAGGLERS_SECONDS)
        await self.upstream.close()
        await self.ledger.stop()
        await asyncio.to_thread(self.late_roll_up.stop)
        await self.admission.stop()
        await asyncio.to_thread(self.traces.stop)
        await asyncio.to_thread(alerts.services.stop_buffer)

    def callbacks(self) -> list[str]:
        """By their names in `litellm_settings`."""
        litellm = self.table.settings["litellm_settings"]
        found = [litellm.get(name) for name in ("callbacks", "success_callback")]
        return [str(name) for names in found if isinstance(names, list) for name in names]

    def _api_bases(self) -> dict[str, str]:
        """Where each deployment is, by its id."""
        return {one.id: one.api_base for one in self.table.all_deployments()}

    async def group_of(self, model: str, *, team_id: str | None) -> Group:
        """The deployments of a group, or of the pattern that covers the model; an empty group when there are none."""
        table = self.table
        group = table.group(model, team_id=team_id)
        if group.deployments or (matched := table.pattern_of(model)) is None:
            return group
        pattern, captured = matched
        key = (pattern, model)
        if (known := self._by_pattern.get(key)) is not None:
            return known
        # Once a model and table: its price is looked up in the database, which no request otherwise asks.
        found = await asyncio.to_thread(_concretized, table, pattern, model, captured)
        if table is self.table:
            if len(self._by_pattern) >= MOST_PATTERN_MODELS:
                self._by_pattern.clear()
            self._by_pattern[key] = found
        return found

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task that outlives the request it came from, and is waited for at the end."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        """Whoever waited for it has its result; if nobody did, its failure must not pass in silence."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ApiError):
            logger.error("What went on beside a request failed", exc_info=error)

    def authenticate(self, request: HttpRequest) -> Principal:
        """Who calls, and that the key may be used here and now, for everything but models.

        Raises teams.errors.AuthenticationError, PermissionDenied or KeyUnverifiable.
        """
        principal = self.identify(request.META)
        ensure_current(principal, now=datetime.now(UTC))
        ensure_route_allowed(principal, request.path, self.policy)
        ensure_team_not_blocked(principal)
        return principal

    def identify(self, meta: Mapping[str, str]) -> Principal:
        """Who calls, from an address that may. Raises AuthenticationError, AddressDenied or KeyUnverifiable."""
        self.policy.ensure_address_allowed(meta)
        try:
            return identify(
                meta,
                keys=self.keys,
                master_key=self._master_key,
                now=datetime.now(UTC),
                header=self.policy.key_header,
            )
        except UnknownKey:
            if self.database_ok:
                raise
            # It may have been made after the last snapshot.
            raise KeyUnverifiable(
                "The key is not known yet and the database is away. Try again soon.", headers={"retry-after": "5"}
            ) from None

    @property
    def database_ok(self) -> bool:
        """As the refresher saw it; no request asks."""
        return not self.ledger.spooling and time.monotonic() - self._database_seen_at < STALE_SECONDS

    @property
    def seconds_behind(self) -> float:
        """How old the snapshots may be: since the refresher last heard of the database."""
        return time.monotonic() - self._database_seen_at

    def catch_up(self, *, seconds: float = 1.0) -> None:
        """Wait until the snapshots hold what is committed by now, so that who changed something meets it at once."""
        wanted = revisions.current()
        with self._followed:
            self._followed.wait_for(lambda: all(self._seen.get(name, 0) >= wanted[name] for name in wanted), seconds)

    def _first_load(self) -> None:
        try:
            self._refresh()
        finally:
            connection.close()

    def _refresh_for_ever(self) -> None:
        failures = 0
        give_up_after(REFRESH_SECONDS)
        try:
            while True:
                revisions.changed.wait(POLL_SECONDS)
                if self._stopping.is_set():
                    return
                try:
                    self._refresh()
                    if failures >= TOLD_FAILURES:
                        alerts.services.settle_database_trouble("snapshot")
                    failures = 0
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("Serving from the last snapshot: the database is away")
                    failures += 1
                    if failures >= TOLD_FAILURES:
                        alerts.services.emit_database_trouble("snapshot", error)
                    self.spending.judge(self.state)
                    connection.close()
                except Exception:
                    # A refresher that dies would leave revoked keys valid for ever.
                    logger.exception("Could not refresh the snapshots")
        finally:
            connection.close()

    def _refresh(self) -> None:
        numbers = revisions.current()
        self._database_seen_at = time.monotonic()
        if self._is_new(revisions.KEYS, numbers):
            self.keys.follow(numbers.get(revisions.KEYS, 0))
        if self._is_new(revisions.DEPLOYMENTS, numbers) or self._is_outdated():
            table = load_routing_table(now=datetime.now(UTC))
            self.policy = Policy.read(table.settings["general_settings"], table.settings["litellm_settings"])
            self.upstream.networks = (*settings.UPSTREAM_NETWORKS, *self.policy.upstream_networks)
            self.upstream.most_answer_bytes = self.policy.most_answer_bytes or MOST_ANSWER_BYTES
            self.table = table
            self._by_pattern = {}
            # The state is the event loop's own.
            self._loop.call_soon_threadsafe(self.state.follow, [one.id for one in table.all_deployments()])
            self._built_at = time.monotonic()
        revision = (numbers.get(revisions.KEYS, 0), numbers.get(revisions.DEPLOYMENTS, 0))
        self.limits.refresh(policy=self.policy.limits, calendar=self.table.calendar, revision=revision)
        self._compare_counters()
        self.spending.refresh(self.table, self.state, now=datetime.now(UTC))
        self.health.refresh(self.table, self.state, now=datetime.now(UTC))
        self.watch.refresh()
        with self._followed:
            self._seen = {name: numbers.get(name, 0) for name in (revisions.KEYS, revisions.DEPLOYMENTS)}
            self._followed.notify_all()

    def _is_outdated(self) -> bool:
        """Whether some price may be another by now, though nobody has changed a row."""
        changes_at = self.table.prices_change_at
        return time.monotonic() - self._built_at > REBUILD_SECONDS or (
            changes_at is not None and datetime.now(UTC) >= changes_at
        )

    def note_counters(self, checks: Sequence[CounterCheck]) -> None:
        """These are asked for, so they are compared with the ledger now and then."""
        now = time.monotonic()
        for check in checks:
            self._counters[check.key] = (check.expires_at, now)

    def _note_settled(self, lines: Sequence[bytes]) -> None:
        """What killed processes are charged is in no counter yet, and perhaps nobody asks for those by himself."""
        now = datetime.now(UTC)
        for told in map(orjson.loads, lines):
            checks = self.limits.any_of(
                self.keys.find(told["key_hash"], now=now) or self.keys.admin,
                customer_id=told["end_user"],
                customer=self.keys.customer(told["end_user"]),
                tags=told["tags"],
                model=told["model_group"],
                now=now,
            )
            self.note_counters([counter.check for counter in checks.counters])
        self._settled_at = time.monotonic()

    def _compare_counters(self) -> None:
        """Raise counters to what is rolled up: what was spent by a process that died was told to nobody."""
        now = time.monotonic()
        # What the dead held is void after ten seconds; by then their charges have to be there.
        is_urgent = now - self._settled_at < URGENT_SECONDS
        if now - self._compared_at < COMPARE_SECONDS and not is_urgent:
            return
        self._compared_at = now
        known = list(self._counters.items())
        for key, (_, asked_at) in known:
            if now - asked_at > COMPARED_FOR_SECONDS:
                self._counters.pop(key, None)
        wanted = {key: expires_at for key, (expires_at, _) in known[:MOST_COMPARED]}
        if wanted:
            spent = rolled_up(list(wanted))
            seeds = [Seed(key, nano, wanted[key], only_raises=True) for key, nano in spent.items()]
            self._loop.call_soon_threadsafe(self._seed, seeds)

    def _seed(self, seeds: Sequence[Seed]) -> None:
        self.spawn(self.admission.seed(*seeds))

    def _is_new(self, name: str, numbers: Mapping[str, int]) -> bool:
        return self._seen.get(name, -1) != numbers.get(name, 0)


def _concretized(table: RoutingTable, pattern: str, model: str, captured: str) -> Group:
    found = []
    for deployment in table.groups[pattern].deployments:
        if deployment.template is None:
            found.append(deployment)
            continue
        try:
            found.append(concretize(deployment, model=model, captured=captured, now=datetime.now(UTC)))
        except ValueError as error:
            logger.warning(
                "A deployment of a pattern cannot serve a model",
                extra={"deployment": deployment.id, "problem": str(error)},
            )
    return Group.of(found)


_running: Runtime | None = None


def set_running(runtime: Runtime | None) -> None:
    """The calendar of budgets is the running table's from now on, and that of the rows when nothing runs."""
    global _running  # noqa: PLW0603
    _running = runtime
    set_source((lambda: runtime.table.calendar) if runtime else stored_calendar)


def running() -> Runtime:
    """The process's runtime. Raises RuntimeError outside a web process."""
    if _running is None:
        raise RuntimeError("no gateway runs in this process")
    return _running
