"""What those have spent whom no column of the ledger names alone: members within their teams, and organizations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import BigIntegerField, Case, F, Max, Q, Sum, Value, When

from budgets.models import LedgerEntry, Scope, SpendAdjustment
from budgets.spend import NOTHING, Spend, current_period, spend_of
from teams.models import (
    Limits,
    Membership,
    Organization,
    OrganizationMembership,
    RetiredToken,
    Team,
    VirtualKey,
)

# A condition for each of so many fits into a statement of every database.
CHUNK = 300
T = TypeVar("T")


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time as one statement can name."""
    found = list(items)
    for first in range(0, len(found), CHUNK):
        yield found[first : first + CHUNK]


def spend_of_memberships(memberships: Iterable[Membership], *, now: datetime) -> dict[int, Spend]:
    """By the membership's number: what the user spent with keys of the team.

    The period is that of the budget which binds the member: `budget`, else the team's `member_budget`; both are
    selected with the rows, or cost a query each.
    """
    found: dict[int, Spend] = {}
    for some in chunks(memberships):
        starts = {row.pk: _began(row.budget or row.team.member_budget, now=now) for row in some}
        pairs = {(row.team_id, row.user_id): row.pk for row in some}
        spent = _sums(
            LedgerEntry.objects.filter(team_id__in={row.team_id for row in some}, user_id__in={u for _, u in pairs}),
            ("team_id", "user_id"),
            "started_at",
            [_after("started_at", starts[row.pk]) & Q(team_id=row.team_id, user_id=row.user_id) for row in some],
        )
        found |= {pk: spent.get(pair, NOTHING) for pair, pk in pairs.items()}
        for (entity_id,), spend in _adjustments({str(pk): start for pk, start in starts.items()}).items():
            # What was ever spent stays true.
            found[int(entity_id)] += Spend(period_nano=spend.period_nano)
    return found


def _adjustments(since: Mapping[str, datetime | None]) -> dict[tuple[str, ...], Spend]:
    rows = SpendAdjustment.objects.filter(scope=Scope.MEMBER, entity_id__in=list(since))
    counts = [Q(entity_id=entity_id) & _after("at", start) for entity_id, start in since.items()]
    return _sums(rows, ("entity_id",), "at", counts)


def spend_of_organizations(organizations: Iterable[Organization], *, now: datetime) -> dict[str, Spend]:
    """By id: what their teams spent, and their keys outside of teams. `budget` is selected with the rows."""
    organizations = list(organizations)
    starts = {row.pk: _began(row.budget, now=now) for row in organizations}
    found = dict.fromkeys(starts, NOTHING)
    teams = Team.objects.filter(organization__in=starts).order_by("pk").values_list("pk", "organization_id")
    for some in chunks(teams):
        spends = spend_of(Scope.TEAM, {team_id: starts[str(owner)] for team_id, owner in some})
        for team_id, owner in some:
            found[str(owner)] += spends[team_id]
    owners = _hashes(starts)
    for hashes in chunks(sorted(owners)):
        counts = [Q(key_hash=one) & _after("started_at", starts[owners[one]]) for one in hashes]
        rows = LedgerEntry.objects.filter(key_hash__in=hashes)
        for (key_hash,), spend in _sums(rows, ("key_hash",), "started_at", counts).items():
            found[owners[key_hash]] += spend
    return found


def spend_in_organizations(memberships: Iterable[OrganizationMembership]) -> dict[int, int]:
    """By the membership's number: what the user spent with keys of the organization's teams, ever, nano-dollars."""
    found: dict[int, int] = {}
    for some in chunks(memberships):
        numbers = {(row.organization_id, row.user_id): row.pk for row in some}
        found |= dict.fromkeys(numbers.values(), 0)
        teams = Team.objects.filter(organization__in={row.organization_id for row in some}).order_by()
        owners = dict(teams.values_list("pk", "organization_id"))
        rows = LedgerEntry.objects.filter(team_id__in=teams.values("pk"), user_id__in={row.user_id for row in some})
        sums = rows.order_by().values_list("team_id", "user_id").annotate(total=Sum("amount_nano"))
        for team_id, user_id, total in sums:
            if (number := numbers.get((str(owners.get(team_id)), user_id))) is not None:
                found[number] += total
    return found


def _hashes(organizations: Iterable[str]) -> dict[str, str]:
    """Of the keys that belong to an organization and to no team, former hashes with them."""
    keys = VirtualKey.objects.filter(organization__in=list(organizations), team=None).order_by()
    retired = RetiredToken.objects.filter(key__in=keys).order_by()
    return {
        **{token: str(owner) for token, owner in keys.values_list("token_hash", "organization_id")},
        **{token: str(owner) for token, owner in retired.values_list("pk", "key__organization_id")},
    }


def _began(limits: Limits | None, *, now: datetime) -> datetime | None:
    current = current_period(limits, now=now) if limits is not None else None
    return current[0] if current else None


def _after(column: str, start: datetime | None) -> Q:
    return Q() if start is None else Q(**{f"{column}__gte": start})


def _sums(rows: Any, columns: Sequence[str], time: str, counts: Sequence[Q]) -> dict[tuple[str, ...], Spend]:
    """By the columns' values; what meets one of `counts` belongs to the current period."""
    condition = Q()
    for count in counts:
        condition |= count
    amount = Case(When(condition, then=F("amount_nano")), default=Value(0), output_field=BigIntegerField())
    grouped = rows.order_by().values_list(*columns)
    summed = grouped.annotate(in_period=Sum(amount), total=Sum("amount_nano"), last=Max(time))
    return {tuple(row[:-3]): Spend(row[-3] or 0, row[-2] or 0, row[-1]) for row in summed}
