"""Taking the demo away: its rows and no others, and what they were added to is what the rest adds up to."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Max, Q

from alerts.past import forget
from budgets.balances import adjusted_since, store
from budgets.call_times import ENTRY_FIELDS, uncount_times
from budgets.core.allowances import EVER
from budgets.models import (
    Balance,
    CallTotal,
    DailySpend,
    GatewayBudget,
    LedgerEntry,
    PriceSnapshot,
    Scope,
    SpendAdjustment,
)
from budgets.rollup import roll_up_some, sums_locked
from budgets.sums import rolled_since
from budgets.totals import take_totals
from gateway_project.demo_data import cast, marks
from gateway_project.demo_data.marks import Standing
from proxy.models import HealthCheck, RequestTrace
from teams import audit, revisions
from teams.keys import DEMO_PREFIX
from teams.models import AuditEntry, Membership, Organization, Team, VirtualKey

PAUSE_SECONDS = 0.02
_CHUNK = 5000


@dataclass(slots=True)
class Removed:
    entries: int = 0
    traces: int = 0
    incidents: int = 0


def remove(*, now: datetime) -> Removed | None:
    """None where there is nothing of it. Killed on the way, it goes on when it is called again.

    Raises django.db.Error.
    """
    if marks.standing() is Standing.ABSENT:
        return None
    removed = Removed()
    Organization.objects.filter(pk=marks.ROOT, created_by=marks.MAKER).update(
        metadata={marks.METADATA: {"standing": Standing.UNFINISHED}}
    )
    # A correction of a demo's entry may still wait.
    while roll_up_some(now=now + timedelta(days=1), settled_after=timedelta()):
        pass
    for day in sorted(set(marks.days().order_by().values_list("day", flat=True))):
        removed.entries += _remove_day(day)
        time.sleep(PAUSE_SECONDS)
    with sums_locked():
        _forget_totals()
        _right_balances(now=now)
    removed.traces = _remove_traces()
    with audit.unwatched(), transaction.atomic():
        removed.incidents = _remove_trouble()
        _remove_rows()
        revisions.bump(revisions.KEYS)
        revisions.bump(revisions.DEPLOYMENTS)
    return removed


def _remove_day(day: date) -> int:
    """The entries together with the sums that they are in."""
    began = datetime.combine(day, clock(), UTC)
    with sums_locked():
        rows = LedgerEntry.objects.filter(started_at__gte=began, started_at__lt=began + timedelta(days=1))
        ours = rows.filter(**marks.of_key()).order_by()
        uncount_times(list(ours.values(*ENTRY_FIELDS)))
        gone = ours.delete()[0]
        days = DailySpend.objects.filter(day=day, **marks.of_key())
        take_totals(days)
        days.delete()
    return gone


def _forget_totals() -> None:
    last = CallTotal.objects.aggregate(last=Max("version"))["last"] or 0
    CallTotal.objects.filter(labels__key_hash__startswith=DEMO_PREFIX).delete()
    # Whoever reads only what is newer than the last they know must see the next roll-up.
    if kept := CallTotal.objects.order_by("-version").first():
        CallTotal.objects.filter(pk=kept.pk).update(version=last + 1)


def _right_balances(*, now: datetime) -> None:
    """Of everybody who spent by the demo's keys. Where requests are admitted, an adjustment makes them read again."""
    ours = _entities()
    for balance in Balance.objects.filter(ours | Q(scope__in=(Scope.PROXY, Scope.PROVIDER))).order_by("pk"):
        entity = (balance.scope, balance.entity_id)
        spent = rolled_since(entity, balance.period_start)
        if not spent and not rolled_since(entity, EVER):
            balance.delete()
        elif spent != balance.spent_nano:
            balance.spent_nano, balance.adjusted_nano = spent, adjusted_since(entity, balance.period_start)
            store([balance])
            if GatewayBudget.objects.filter(scope=balance.scope, entity_id=balance.entity_id).exists():
                SpendAdjustment.objects.get_or_create(
                    scope=balance.scope, entity_id=balance.entity_id, amount_nano=0, at=now, actor_id=""
                )
    SpendAdjustment.objects.filter(ours).delete()


def _entities() -> Q:
    """Whom the demo's rows alone stand for."""
    keys = [str(pk) for pk in _keys().values_list("pk", flat=True)]
    teams = [one.id for one in cast.TEAMS]
    members = Membership.objects.filter(team_id__in=teams).order_by()
    found = Q(scope=Scope.KEY, entity_id__in=keys)
    found |= Q(scope=Scope.MEMBER, entity_id__in=[str(pk) for pk in members.values_list("pk", flat=True)])
    for scope, ids in (
        (Scope.ORGANIZATION, [one.id for one in cast.ORGANIZATIONS]),
        (Scope.TEAM, teams),
        (Scope.USER, [cast.person_id(name) for name in cast.PEOPLE]),
        (Scope.CUSTOMER, list(cast.CUSTOMERS)),
        (Scope.TAG, list(cast.TAGS)),
        (Scope.MODEL, list(cast.GROUP)),
        (Scope.DEPLOYMENT, _deployments()),
    ):
        found |= Q(scope=scope, entity_id__in=ids)
    return found


def _deployments() -> list[str]:
    return [upstream.id for group in cast.GROUPS for upstream in group.upstreams]


def _keys() -> Any:
    """By who made them: one that was regenerated has a hash like any other."""
    return marks.made(VirtualKey).order_by()


def _remove_traces() -> int:
    gone, last = 0, _CHUNK
    while last == _CHUNK:
        some = RequestTrace.objects.filter(**marks.of_key()).order_by("at").values("pk")[:_CHUNK]
        last = RequestTrace.objects.filter(pk__in=some).delete()[0]
        gone += last
    return gone


def _remove_trouble() -> int:
    AuditEntry.objects.filter(**marks.of_key("actor_key_hash")).delete()
    return forget(channel=marks.CHANNEL, maker=marks.MAKER, mark=marks.METADATA, is_meant=marks.is_ours)


def _remove_rows() -> None:
    _keep_what_is_not_ours()
    HealthCheck.objects.filter(deployment_id__in=_deployments()).delete()
    PriceSnapshot.objects.filter(digest__in=_deployments()).delete()
    LogEntry.objects.filter(user__created_by=marks.MAKER).delete()
    for model in reversed(marks.MADE):
        if model is not Organization:
            marks.made(model).delete()
    marks.made(Organization).delete()


def _keep_what_is_not_ours() -> None:
    """What people made in the demo's teams stays; a key without its team would be allowed more, so it is blocked."""
    teams, organizations = marks.made(Team).values("pk"), marks.made(Organization).values("pk")
    people = Q(user__created_by=marks.MAKER)
    theirs = VirtualKey.objects.exclude(created_by=marks.MAKER)
    theirs.filter(Q(team__in=teams) | Q(organization__in=organizations) | people).update(
        team=None, organization=None, user=None, blocked=True
    )
    Team.objects.exclude(created_by=marks.MAKER).filter(organization__in=organizations).update(organization=None)
