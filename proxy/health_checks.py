"""The rounds of background health checks, and their results as rows: stored, read, and forgotten in time."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max

from alerts.addresses import Network
from budgets import entries
from proxy import deployments as ready
from proxy.core.health import Checked, HealthSettings, unhealthy
from proxy.core.probing import probe_seconds
from proxy.deployments import Deployment
from proxy.models import ConfigField, HealthCheck, HealthRun, Section
from proxy.models import Deployment as Row
from proxy.policy import Policy
from proxy.probes import PROBLEM, Probe, entry_of, run_probes
from proxy.registry import RoutingTable, load_routing_table
from proxy.state import RouterState

logger = logging.getLogger(__name__)

ROUND = "deployments"
BACKGROUND = "background"
# So many times the concurrency are asked before what was found is stored, and the lease moved on.
TURNS = 4
# Beyond the slowest probes; a round whose process died is begun again so much later.
LEASE_SECONDS = 60.0
READ_SECONDS = 5.0
KEPT_EACH = 100
KEPT = timedelta(days=30)
_MOST_DELETED = 10_000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
T = TypeVar("T")
Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def in_thread(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """For a thread of the event loop's pool: nobody else closes its connection."""
    try:
        return call(*arguments, **named)
    finally:
        connection.close()


def general_settings() -> dict[str, Any]:
    """As stored; the web process has them in its routing table."""
    return dict(ConfigField.objects.filter(section=Section.GENERAL).order_by().values_list("name", "value"))


def check_deployments(*, clock: Clock = now) -> int:
    """One round of the background checks when it is due and nobody else does it. How many were looked at."""
    wanted = HealthSettings.read(general_settings())
    if not wanted.background or not claim(wanted, at=clock()):
        return 0
    table = load_routing_table(now=clock())
    due = [one for one in table.all_deployments() if _is_due(one, wanted)]
    size = TURNS * wanted.concurrency
    for first in range(0, len(due), size):
        some = due[first : first + size]
        _extend(clock(), seconds=LEASE_SECONDS + TURNS * max(map(_seconds, some)))
        check(some, concurrency=wanted.concurrency, checked_by=BACKGROUND, at=clock())
    HealthRun.objects.filter(pk=ROUND).update(leased_until=clock())
    return len(due)


def check(
    deployments: Sequence[Deployment], *, concurrency: int, checked_by: str, at: datetime
) -> list[tuple[Deployment, Probe]]:
    """Ask, charge and record, from a thread without an event loop and outside of any transaction."""
    asked = as_asked(deployments, at=at)
    found = list(zip(asked, run_probes(asked, concurrency, networks=_networks()), strict=True))
    if lines := [entry_of(one, probe).encode() for one, probe in found if probe.asked]:
        entries.insert(lines)
    record(found, checked_by=checked_by)
    return found


def ask(deployment: Deployment) -> Probe:
    """Ask one, and keep nothing of it."""
    return run_probes([deployment], 1, networks=_networks())[0]


def as_asked(deployments: Sequence[Deployment], *, at: datetime) -> list[Deployment]:
    """With the models that `model_info.health_check_model` names in the place of their own."""
    named = {one.id: str(name) for one in deployments if (name := one.health.get("health_check_model"))}
    if not named:
        return list(deployments)
    rows = Row.objects.in_bulk(list(named))
    defaults = default_params()

    def asked(deployment: Deployment) -> Deployment:
        row = rows.get(deployment.id)
        return deployment if row is None else _of_another_model(deployment, row, named[row.pk], defaults, at=at)

    return [asked(one) for one in deployments]


def default_params() -> Mapping[str, Any]:
    """`router_settings.default_litellm_params`."""
    field = ConfigField.objects.filter(section=Section.ROUTER, name="default_litellm_params").first()
    return field.value if field is not None and isinstance(field.value, dict) else {}


def record(found: Iterable[tuple[Deployment, Probe]], *, checked_by: str) -> None:
    """Store what was found out; what was not asked has told nothing."""
    HealthCheck.objects.bulk_create(
        HealthCheck(
            deployment_id=deployment.id,
            model_name=deployment.model_group,
            healthy=probe.healthy,
            status=probe.status,
            error=probe.error.replace("\x00", ""),
            response_ms=round(probe.seconds * 1000),
            checked_by=checked_by[:255],
            checked_at=probe.at,
        )
        for deployment, probe in found
        if probe.asked or not probe.healthy
    )


def latest(ids: Collection[str] | None = None, *, since: datetime | None = None) -> dict[str, HealthCheck]:
    """The last check of each deployment, by its id."""
    rows = HealthCheck.objects.order_by()
    if ids is not None:
        rows = rows.filter(deployment_id__in=ids)
    if since is not None:
        rows = rows.filter(checked_at__gte=since)
    newest = rows.values("deployment_id").annotate(newest=Max("id")).values("newest")
    return {row.deployment_id: row for row in HealthCheck.objects.filter(pk__in=newest)}


def claim(wanted: HealthSettings, *, at: datetime) -> bool:
    """Whether the round is ours: it is due, and of all who ask at once, one is told so."""
    runs = HealthRun.objects.filter(pk=ROUND)
    if not runs.exists():
        HealthRun.objects.get_or_create(pk=ROUND, defaults={"began_at": _EPOCH, "leased_until": _EPOCH})
    due = runs.filter(began_at__lte=at - timedelta(seconds=wanted.interval), leased_until__lte=at)
    return due.update(began_at=at, leased_until=at + timedelta(seconds=LEASE_SECONDS)) == 1


def forget_old(*, at: datetime) -> int:
    """Delete what is older than a month, and all but the last hundred of each deployment; so many at a time."""
    old = HealthCheck.objects.filter(checked_at__lt=at - KEPT).order_by("checked_at")
    deleted = _delete(old.values_list("pk", flat=True)[:_MOST_DELETED])
    many = HealthCheck.objects.order_by().values_list("deployment_id").annotate(number=Count("pk"))
    for deployment_id, _ in many.filter(number__gt=KEPT_EACH):
        if deleted >= _MOST_DELETED:
            break
        own = HealthCheck.objects.filter(deployment_id=deployment_id).order_by("-checked_at", "-pk")
        deleted += _delete(own.values_list("pk", flat=True)[KEPT_EACH : KEPT_EACH + _MOST_DELETED - deleted])
    return deleted


class HealthWatch:
    """Keeps a web process's router informed; for the thread that refreshes its snapshots."""

    def __init__(self) -> None:
        self._latest: dict[str, Checked] = {}
        self._read_at = 0.0

    def refresh(self, table: RoutingTable, state: RouterState, *, now: datetime) -> None:
        """Raises django.db.Error."""
        wanted = HealthSettings.read(table.settings["general_settings"])
        if not wanted.routing:
            state.unhealthy = frozenset()
            self._read_at = 0.0
            return
        if time.monotonic() - self._read_at >= READ_SECONDS:
            rows = latest(since=now - timedelta(seconds=wanted.stale_after))
            self._latest = {name: Checked(row.healthy, row.status, row.checked_at) for name, row in rows.items()}
            self._read_at = time.monotonic()
        groups = (
            {one.id for one in group.deployments if not one.blocked}
            for group in (*table.groups.values(), *table.team_groups.values())
        )
        state.unhealthy = unhealthy(groups, self._latest, wanted, now=now)


def _is_due(deployment: Deployment, wanted: HealthSettings) -> bool:
    off = deployment.health.get("disable_background_health_check") is True
    return not deployment.blocked and not off and wanted.covers(deployment.model_group)


def _networks() -> tuple[Network, ...]:
    return (*settings.UPSTREAM_NETWORKS, *Policy.read(general_settings()).upstream_networks)


def _extend(at: datetime, *, seconds: float) -> None:
    HealthRun.objects.filter(pk=ROUND).update(leased_until=at + timedelta(seconds=seconds))


def _seconds(deployment: Deployment) -> float:
    return probe_seconds(deployment.health.get("health_check_timeout"))


def _of_another_model(
    deployment: Deployment, row: Row, model: str, defaults: Mapping[str, Any], *, at: datetime
) -> Deployment:
    row.litellm_params = {**row.litellm_params, "model": model}
    try:
        built = ready.build(row, now=at, defaults=defaults)
    except ValueError as error:
        problem = f"model_info.health_check_model: {error}"
        return replace(deployment, template=None, health={**deployment.health, PROBLEM: problem})
    return replace(built, model_group=deployment.model_group)


def _delete(keys: Iterable[int]) -> int:
    """By key: SQLite deletes no slice, and a list of keys is what its statements can hold in pieces."""
    found = list(keys)
    return sum(
        HealthCheck.objects.filter(pk__in=found[first : first + 500]).delete()[0] for first in range(0, len(found), 500)
    )
