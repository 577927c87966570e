"""What the admin's home shows of money: what it comes to, where that leads, whose budgets are used, who spends most.

Amounts are nano-dollars, days and months those of UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from django.db.models import F, QuerySet

from budgets.core.projection import DAYS, Projection, project
from budgets.daily import Days, daily_sums
from budgets.directory import Entity
from budgets.models import GatewayBudget, Scope
from budgets.reports import By, Question, spend_by
from budgets.standing import Standing, standings
from budgets.totals import last_of_month, month_of
from budgets.traffic import Traffic, midnight
from teams.models import Organization, RetiredToken, Team

# Of each kind the largest; a list of all has pages of its own.
MOST_GATEWAY_BUDGETS = 12
MOST_OWNERS = 4
MOST_BUDGETS = 10
TOP = 5


@dataclass(frozen=True, slots=True)
class Money:
    """`forecast` is of the month's end; None while too little is known."""

    today_nano: int
    month_nano: int
    month_ends: date
    forecast: Projection | None


def money_of(days: Mapping[date, Traffic], *, now: datetime) -> Money:
    """`days` reach back to the month's first and, for the forecast, over the last 28."""
    today = now.astimezone(UTC).date()
    first = month_of(today)
    last = last_of_month(today)
    month_ends = midnight(last + timedelta(days=1))
    month_nano = sum(one.amount_nano for day, one in days.items() if first <= day <= today)
    return Money(
        today_nano=days[today].amount_nano if today in days else 0,
        month_nano=month_nano,
        month_ends=last,
        forecast=project(known_days(days), spent_nano=month_nano, max_nano=None, ends=month_ends, now=now),
    )


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """`pk` is of the row on whose page the budget stands; `name` is empty for everybody's.

    `forecast_nano` is what is spent at the period's end; None where there is none, or finding out would take long.
    """

    scope: Scope
    pk: str
    name: str
    standing: Standing
    forecast_nano: int | None = None


def budget_lines(
    *,
    everybodys_days: Mapping[date, Traffic] | None,
    teams: QuerySet[Team] | None,
    organizations: QuerySet[Organization] | None,
    now: datetime,
) -> list[BudgetLine]:
    """The gateway's own budgets (where everybody's days are given) and the largest of teams and organizations,

    the fullest first. The same number of queries however many there are.
    """
    owners: dict[Entity, tuple[str, str]] = {}
    rows = _gateway_budgets() if everybodys_days is not None else []
    if teams is not None:
        limited = teams.filter(max_budget_nano__isnull=False).order_by("-max_budget_nano", "pk")[:MOST_OWNERS]
        owners |= {(str(Scope.TEAM), team.pk): (team.pk, str(team)) for team in limited}
    if organizations is not None:
        named = organizations.filter(budget__max_budget_nano__isnull=False)
        largest = named.order_by("-budget__max_budget_nano", "pk")[:MOST_OWNERS]
        owners |= {(str(Scope.ORGANIZATION), one.pk): (one.pk, str(one)) for one in largest}
    entities = {*owners, *((row.scope, row.entity_id) for row in rows)}
    if not entities:
        return []
    found = standings(entities, now=now, with_projection=False)
    lines = [
        BudgetLine(Scope(row.scope), str(row.pk), row.entity_id, one)
        for row in rows
        for one in found[row.scope, row.entity_id]
        if one.window == row.window
    ]
    for entity, (pk, name) in owners.items():
        lines += [BudgetLine(Scope(entity[0]), pk, name, one) for one in found[entity] if not one.model]
    shown = sorted(lines, key=_fullest)[:MOST_BUDGETS]
    # By who else spends, days are found only by reading all of them.
    spent = daily_sums(
        {(str(Scope.TEAM), line.pk) for line in shown if line.scope is Scope.TEAM},
        first=_first_day(now),
        last=_yesterday(now),
    )
    spent[str(Scope.PROXY), ""] = known_days(everybodys_days or {})
    return [replace(line, forecast_nano=_forecast(line, spent, now=now)) for line in shown]


def _forecast(line: BudgetLine, spent: Mapping[Entity, Days], *, now: datetime) -> int | None:
    one = line.standing
    daily = spent.get((str(line.scope), line.pk if line.scope is Scope.TEAM else line.name))
    found = project(daily, spent_nano=one.spent_nano, max_nano=None, ends=one.ends, now=now) if daily else None
    return found.spend_at_end_nano if found else None


def known_days(days: Mapping[date, Traffic]) -> Days:
    """Without those on which there was no call: with one of these the projection should not begin."""
    return [(day, one.amount_nano) for day, one in sorted(days.items()) if one.calls or one.amount_nano]


def _first_day(now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=DAYS)


def _yesterday(now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=1)


def _gateway_budgets() -> list[GatewayBudget]:
    rows = GatewayBudget.objects.order_by(F("max_budget_nano").desc(nulls_last=True), "pk")
    return list(rows[:MOST_GATEWAY_BUDGETS])


def _fullest(line: BudgetLine) -> tuple[float, str, str]:
    one = line.standing
    limit = one.max_nano if one.max_nano is not None else one.soft_nano
    used = one.spent_nano / limit if limit else 1.0
    return -used, line.scope, line.name


@dataclass(frozen=True, slots=True)
class Spender:
    """`ids` are what it is called in the roll-up: of a key all hashes that it has and had, the present one first."""

    ids: tuple[str, ...]
    amount_nano: int


@dataclass(frozen=True, slots=True)
class Top:
    """The dearest first, what belongs to nobody left out."""

    teams: Sequence[Spender]
    keys: Sequence[Spender]
    models: Sequence[Spender]


def top_of(question: Question) -> Top:
    """Six queries: three for what was spent, and three for keys that were regenerated."""
    teams, models = (_amounts(question, by, limit=TOP + 1) for by in (By.TEAM, By.MODEL_GROUP))
    return Top(_dearest(teams), _dearest_keys(question), _dearest(models))


def _amounts(question: Question, by: By, *, limit: int | None = None) -> dict[str, int]:
    """Of the dearest, what belongs to nobody among them."""
    return {group.values[0]: group.sums.amount_nano for group in spend_by(question, by, limit=limit)}


def _dearest(sums: Mapping[str, int]) -> list[Spender]:
    return [Spender((name,), nano) for name, nano in _ordered(sums.items())[:TOP]]


def _dearest_keys(question: Question) -> list[Spender]:
    """A regenerated key is one. Of those that may be among the first, all hashes are asked for."""
    some = _amounts(question, By.KEY, limit=TOP * 10)
    present = dict(RetiredToken.objects.filter(pk__in=some).order_by().values_list("pk", "key__token_hash"))
    owners = dict.fromkeys(present.get(name, name) for name in some if name)
    former = RetiredToken.objects.filter(key__token_hash__in=list(owners)).order_by("pk")
    hashes: dict[str, list[str]] = {owner: [owner] for owner in owners}
    for token_hash, owner in former.values_list("pk", "key__token_hash"):
        hashes[owner].append(token_hash)
    theirs = {one for known in hashes.values() for one in known}
    sums = _amounts(replace(question, where={**question.where, By.KEY: theirs}), By.KEY)
    merged = [(owner, sum(sums.get(one, 0) for one in known)) for owner, known in hashes.items()]
    return [
        Spender(tuple(one for one in hashes[owner] if one in sums or one == owner), nano)
        for owner, nano in _ordered(merged)[:TOP]
    ]


def _ordered(sums: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(((name, nano) for name, nano in sums if name and nano > 0), key=lambda one: (-one[1], one[0]))
