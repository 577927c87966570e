"""Budgets that fit what was spent: some with room, some near, some over, however many requests the demo has."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max

from budgets.balances import Grown
from budgets.budget_events import mark_crossings
from budgets.directory import Directory, Payers
from budgets.models import Balance, GatewayBudget, Scope
from budgets.rollup import sums_locked
from gateway_project.demo_data import cast
from gateway_project.demo_data.rows import GATEWAY_BUDGETS, SHARED_BUDGETS, UNKNOWN_NANO
from teams.models import Budget, Membership, Team, VirtualKey

_CENT = 10**7


def set_limits(*, now: datetime) -> None:
    """In place of the unknown ones; what they have reached is taken for told."""
    with sums_locked():
        for team in cast.TEAMS:
            _limit(Team.objects.filter(pk=team.id), (Scope.TEAM, team.id), team.window, team.used)
        numbers = dict(
            VirtualKey.objects.filter(token_hash__in=[one.token_hash for one in cast.KEYS]).values_list(
                "token_hash", "pk"
            )
        )
        for key in cast.KEYS:
            if key.used:
                row = VirtualKey.objects.filter(token_hash=key.token_hash)
                _limit(row, (Scope.KEY, str(numbers[key.token_hash])), key.window, key.used)
        for one in cast.ORGANIZATIONS:
            _limit(Budget.objects.filter(pk=one.id), (Scope.ORGANIZATION, one.id), "", one.used)
        for scope, name, window, used in GATEWAY_BUDGETS:
            _limit(
                GatewayBudget.objects.filter(scope=scope, entity_id=name, window=window), (scope, name), window, used
            )
        for name, scope, used in SHARED_BUDGETS:
            rows = Balance.objects.filter(scope=scope, entity_id__in=_sharers(scope), window="")
            Budget.objects.filter(pk=name).update(
                max_budget_nano=_round(rows.aggregate(most=Max("spent_nano"))["most"] or 0, used)
            )
        _mark(now=now)


def _limit(rows: Any, entity: tuple[str, str], window: str, used: float) -> None:
    balance = Balance.objects.filter(scope=entity[0], entity_id=entity[1], window=window).first()
    spent_nano = balance.spent_nano if balance else 0
    limit = _round(spent_nano, used)
    rows.update(max_budget_nano=limit)
    if any(field.name == "soft_budget_nano" for field in rows.model._meta.fields):
        rows.update(soft_budget_nano=limit * 7 // 10)


def _round(spent_nano: int, used: float) -> int:
    """To cents; of what spent nothing, a thousand dollars."""
    return max(_CENT, round(spent_nano / used / _CENT) * _CENT) if spent_nano else UNKNOWN_NANO // 1000


def _sharers(scope: Scope) -> list[str]:
    if scope == Scope.CUSTOMER:
        return list(cast.CUSTOMERS)
    if scope == Scope.TAG:
        return [cast.BATCH]
    teams = Membership.objects.filter(team_id__in=[team.id for team in cast.TEAMS])
    return [str(pk) for pk in teams.order_by("pk").values_list("pk", flat=True)]


def _mark(*, now: datetime) -> None:
    directory = Directory(_payers())
    found = []
    for balance in Balance.objects.order_by("pk"):
        allowance = directory.windows((balance.scope, balance.entity_id)).get(balance.window)
        if allowance is not None and (balance.scope, balance.entity_id) in directory.allowances:
            found.append(Grown(allowance, balance, 0))
    mark_crossings(found, now=now)


def _payers() -> Iterable[Payers]:
    """Together they name everybody of the demo."""
    for key in cast.KEYS:
        for customer in cast.CUSTOMERS:
            team = cast.TEAM[key.team]
            yield Payers(
                key_hash=key.token_hash,
                user_id=cast.person_id(key.user),
                team_id=team.id,
                organization_id=team.organization.id,
                end_user=customer,
                tags=key.tags,
                model_group=cast.GPT,
                provider="",
                deployment_id="",
            )
