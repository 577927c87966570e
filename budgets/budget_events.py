"""Telling which thresholds of budgets a roll-up has crossed, in its transaction: each once a period, none lost.

What was told is kept on the balance. A budget that is raised, or spend that is reset, lets them be told again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import alerts.services
from alerts.events import BudgetThreshold
from budgets.balances import store
from budgets.concerned import concerned_by
from budgets.core.allowances import Allowance, owner_and_model
from budgets.core.thresholds import DEFAULT_PERCENTS, SOFT, news, reached
from budgets.models import Balance, Scope
from teams.calendars import current_calendar
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

# As LiteLLM's webhook calls them; the others by our own name.
_GROUPS = {
    Scope.KEY_MODEL: "key",
    Scope.TEAM_MODEL: "team",
    Scope.MEMBER: "team_member",
    Scope.CUSTOMER: "end_user",
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
    max_nano = allowance.max_at(now)
    return BudgetThreshold(
        threshold=threshold,
        **facts(
            allowance.scope,
            allowance.entity_id,
            threshold=threshold,
            spent_nano=balance.spent_nano + balance.adjusted_nano,
            max_nano=max_nano,
            soft_nano=allowance.soft_nano,
            window=allowance.window,
            period=(balance.period_start, allowance.period(now, calendar=calendar)[1]),
        ),
    )


def facts(
    scope: str,
    entity_id: str,
    *,
    threshold: str,
    spent_nano: int,
    max_nano: int | None,
    soft_nano: int | None,
    window: str,
    period: tuple[datetime, datetime | None],
) -> dict[str, Any]:
    """What every event of a budget says. Amounts are nano-dollars."""
    concerned = concerned_by(scope, entity_id, threshold=threshold)
    began, ends = period
    return {
        "budget_of": _WORDS[Scope(scope)],
        "entity_id": " ".join(owner_and_model(entity_id)).strip(),
        "name": concerned.name,
        "spent": dollars(spent_nano),
        "max_budget": "" if max_nano is None else dollars(max_nano),
        "soft_budget": "" if soft_nano is None else dollars(soft_nano),
        "duration": window,
        "period_start": began.isoformat() if window else "",
        "resets_at": ends.isoformat() if ends else "",
        "group": _GROUPS.get(Scope(scope), str(scope)),
        "ids": tuple(sorted(concerned.ids.items())),
        "emails": concerned.emails,
    }


def dollars(nano: int) -> str:
    return f"{(Decimal(nano) / NANO).normalize():f}"
