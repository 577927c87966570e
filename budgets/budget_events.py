"""Telling which thresholds of budgets a roll-up has crossed, in its transaction: each once a period, none lost.

What was told is kept on the balance. A budget that is raised, or spend that is reset, lets them be told again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import alerts.services
from alerts.events import BudgetThreshold
from budgets.balances import store
from budgets.core.allowances import Allowance, owner_and_model
from budgets.core.thresholds import DEFAULT_PERCENTS, SOFT, news, reached
from budgets.models import Balance, Scope
from teams.calendars import current_calendar
from teams.models import Customer, Membership, Organization, Team, User, VirtualKey
from teams.money import NANO
from teams.periods import Calendar

_WORDS = {
    Scope.PROXY: "Proxy",
    Scope.ORGANIZATION: "Organization",
    Scope.TEAM: "Team",
    Scope.USER: "User",
    Scope.MEMBER: "Team Member",
    Scope.KEY: "Key",
    Scope.KEY_MODEL: "Key Model",
    Scope.TEAM_MODEL: "Team Model",
    Scope.CUSTOMER: "Customer",
    Scope.TAG: "Tag",
    Scope.MODEL: "Model",
    Scope.PROVIDER: "Provider",
    Scope.DEPLOYMENT: "Deployment",
}


def tell_crossings(changed: Iterable[tuple[Allowance, Balance]], *, now: datetime) -> None:
    """Where balances are locked."""
    percents = alerts.services.budget_thresholds()
    if percents is None:
        percents = DEFAULT_PERCENTS
    calendar, moved = current_calendar(), []
    for allowance, balance in changed:
        found = reached(
            balance.spent_nano + balance.adjusted_nano,
            max_nano=allowance.max_at(now),
            soft_nano=allowance.soft_nano,
            percents=percents,
        )
        if list(found) == balance.told or not _is_running(allowance, balance, now=now, calendar=calendar):
            continue
        for threshold in _worth_telling(news(balance.told, found)):
            alerts.services.tell([_event(allowance, balance, threshold, now=now, calendar=calendar)])
        balance.told = list(found)
        moved.append(balance)
    store(moved)


def _is_running(allowance: Allowance, balance: Balance, *, now: datetime, calendar: Calendar) -> bool:
    """What a period was that is over is in the reports, and nobody's alarm."""
    return allowance.period(now, calendar=calendar)[0] == balance.period_start


def _worth_telling(found: Sequence[str]) -> list[str]:
    """Of several percentages that one roll-up reached, the last says it all."""
    percents = [name for name in found if name != SOFT]
    return [*percents[-1:], *(name for name in found if name == SOFT)]


def _event(
    allowance: Allowance, balance: Balance, threshold: str, *, now: datetime, calendar: Calendar
) -> BudgetThreshold:
    ends = allowance.period(now, calendar=calendar)[1]
    max_nano = allowance.max_at(now)
    return BudgetThreshold(
        budget_of=_WORDS[Scope(allowance.scope)],
        entity_id=" ".join(owner_and_model(allowance.entity_id)).strip(),
        name=name_of(allowance.scope, allowance.entity_id),
        threshold=threshold,
        spent=_dollars(balance.spent_nano + balance.adjusted_nano),
        max_budget="" if max_nano is None else _dollars(max_nano),
        soft_budget="" if allowance.soft_nano is None else _dollars(allowance.soft_nano),
        duration=allowance.window,
        period_start=balance.period_start.isoformat() if allowance.window else "",
        resets_at=ends.isoformat() if ends else "",
    )


def name_of(scope: str, entity_id: str) -> str:
    """For people: an alias where there is one."""
    owner, model = owner_and_model(entity_id)
    if scope in (Scope.KEY_MODEL, Scope.TEAM_MODEL):
        return f"{name_of(Scope.KEY if scope == Scope.KEY_MODEL else Scope.TEAM, owner)}, {model}"
    model_class = _NAMED.get(Scope(scope))
    row = model_class._default_manager.filter(pk=entity_id).first() if model_class else None
    return str(row) if row is not None else entity_id


_NAMED = {
    Scope.KEY: VirtualKey,
    Scope.TEAM: Team,
    Scope.USER: User,
    Scope.MEMBER: Membership,
    Scope.ORGANIZATION: Organization,
    Scope.CUSTOMER: Customer,
}


def _dollars(nano: int) -> str:
    return f"{(Decimal(nano) / NANO).normalize():f}"
