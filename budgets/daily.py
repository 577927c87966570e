"""What entities cost on each of some days: one question to the days of the roll-up for all entities of a scope."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum

from budgets.balances import chunks
from budgets.core.allowances import of_model, owner_and_model
from budgets.directory import Entity
from budgets.models import DailySpend, Facet, Scope
from teams.models import Membership, RetiredToken, VirtualKey

Days = list[tuple[date, int]]
_COLUMNS: Mapping[Scope, str] = {
    Scope.ORGANIZATION: "organization_id",
    Scope.TEAM: "team_id",
    Scope.USER: "user_id",
    Scope.MODEL: "model_group",
    Scope.PROVIDER: "provider",
    Scope.DEPLOYMENT: "deployment_id",
    Scope.CUSTOMER: "facet_value",
    Scope.TAG: "facet_value",
}
_FACETS = {Scope.CUSTOMER: Facet.CUSTOMER, Scope.TAG: Facet.TAG}


def daily_sums(entities: Iterable[Entity], *, first: date, last: date) -> dict[Entity, Days]:
    """Nano-dollars of every day from `first` to `last` on which there was a call, oldest first."""
    ids: dict[Scope, list[str]] = {}
    for scope, entity_id in entities:
        ids.setdefault(Scope(scope), []).append(entity_id)
    found: dict[Entity, dict[date, int]] = {}
    for scope, named in ids.items():
        for some in chunks(sorted(named)):
            for entity_id, day, amount in _READERS.get(scope, _by_column)(scope, some, first, last):
                days = found.setdefault((scope, entity_id), {})
                days[day] = days.get(day, 0) + amount
    return {entity: sorted(days.items()) for entity, days in found.items()}


Rows = Iterable[tuple[str, date, int]]


def _by_column(scope: Scope, ids: Sequence[str], first: date, last: date) -> Rows:
    column = _COLUMNS[scope]
    rows = _rows(first, last, facet=_FACETS.get(scope, Facet.CALLS)).filter(**{f"{column}__in": ids})
    return list(_summed(rows, column))


def _everybody(_: Scope, __: Sequence[str], first: date, last: date) -> Rows:
    return [("", day, amount) for day, amount in _summed(_rows(first, last))]


def _keys(_: Scope, ids: Sequence[str], first: date, last: date) -> Rows:
    owners = _owners_of_hashes(int(one) for one in ids)
    rows = _summed(_rows(first, last).filter(key_hash__in=owners), "key_hash")
    return [(str(owners[key_hash]), day, amount) for key_hash, day, amount in rows]


def _key_models(_: Scope, ids: Sequence[str], first: date, last: date) -> Rows:
    pairs = [owner_and_model(one) for one in ids]
    owners = _owners_of_hashes({int(owner) for owner, _ in pairs})
    rows = _rows(first, last).filter(key_hash__in=owners, model_group__in={model for _, model in pairs})
    found = _summed(rows, "key_hash", "model_group")
    named = [(of_model(str(owners[key_hash]), model), day, amount) for key_hash, model, day, amount in found]
    return [row for row in named if row[0] in ids]


def _team_models(_: Scope, ids: Sequence[str], first: date, last: date) -> Rows:
    pairs = [owner_and_model(one) for one in ids]
    rows = _rows(first, last).filter(
        team_id__in={owner for owner, _ in pairs}, model_group__in={model for _, model in pairs}
    )
    named = [
        (of_model(team, model), day, amount) for team, model, day, amount in _summed(rows, "team_id", "model_group")
    ]
    return [row for row in named if row[0] in ids]


def _members(_: Scope, ids: Sequence[str], first: date, last: date) -> Rows:
    listed = Membership.objects.filter(pk__in=[int(one) for one in ids]).order_by()
    numbers = {(team_id, user_id): str(pk) for pk, team_id, user_id in listed.values_list("pk", "team_id", "user_id")}
    rows = _rows(first, last).filter(team_id__in={t for t, _ in numbers}, user_id__in={u for _, u in numbers})
    found = _summed(rows, "team_id", "user_id")
    return [(numbers[team, user], day, amount) for team, user, day, amount in found if (team, user) in numbers]


_READERS: Mapping[Scope, Callable[[Scope, Sequence[str], date, date], Rows]] = {
    Scope.PROXY: _everybody,
    Scope.KEY: _keys,
    Scope.KEY_MODEL: _key_models,
    Scope.TEAM_MODEL: _team_models,
    Scope.MEMBER: _members,
}


def _rows(first: date, last: date, *, facet: Facet = Facet.CALLS) -> QuerySet[DailySpend]:
    return DailySpend.objects.filter(facet=facet, day__gte=first, day__lte=last).order_by()


def _summed(rows: QuerySet[DailySpend], *columns: str) -> Any:
    return rows.values_list(*columns, "day").annotate(total=Sum("amount_nano"))


def _owners_of_hashes(key_ids: Iterable[int]) -> dict[str, int]:
    """By each hash that the keys have and had, whose it is."""
    ids = sorted(key_ids)
    present = VirtualKey.objects.filter(pk__in=ids).order_by().values_list("token_hash", "pk")
    former = RetiredToken.objects.filter(key__in=ids).order_by().values_list("pk", "key_id")
    return {**dict(former), **dict(present)}
