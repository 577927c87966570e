"""Telling which thresholds of budgets a roll-up has crossed, in its transaction: each once a period, none lost.

What was told is kept on the balance. A budget that is raised, or spend that is reset, lets them be told again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

import alerts.services
from alerts.events import BudgetThreshold, Mail
from alerts.services import is_mailed
from budgets.balances import Grown, store
from budgets.concerned import Concerned, concerned_by
from budgets.core.allowances import Allowance, owner_and_model
from budgets.core.thresholds import DEFAULT_PERCENTS, SOFT, news, reached
from budgets.mail_lists import own_percents
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


def tell_crossings(changed: Iterable[Grown], *, now: datetime) -> None:
    """Where balances are locked."""
    percents, calendar, moved = _everybodys_percents(), current_calendar(), []
    for (allowance, balance, _), before, found in _reached(changed, percents, now=now, calendar=calendar):
        # What a raise or a reset has put out of reach is forgotten, also when this roll-up reaches it at once.
        fresh = news([threshold for threshold in balance.told if threshold in before], found)
        if percent_news := [name for name in fresh if name != SOFT]:
            _tell_percents(allowance, balance, percent_news, everybodys=percents, now=now, calendar=calendar)
        if SOFT in fresh:
            _tell(_event(allowance, balance, [SOFT], now=now, calendar=calendar))
        if list(found) != balance.told:
            balance.told = list(found)
            moved.append(balance)
    store(moved)


def mark_crossings(changed: Iterable[Grown], *, now: datetime) -> None:
    """As `tell_crossings`, and nobody is told, now or later."""
    moved = []
    for (_, balance, _), _, found in _reached(changed, _everybodys_percents(), now=now, calendar=current_calendar()):
        if list(found) != balance.told:
            balance.told = list(found)
            moved.append(balance)
    store(moved)


def _everybodys_percents() -> tuple[int, ...]:
    percents = alerts.services.budget_thresholds()
    return DEFAULT_PERCENTS if percents is None else tuple(percents)


def _reached(
    changed: Iterable[Grown], percents: Iterable[int], *, now: datetime, calendar: Calendar
) -> Iterator[tuple[Grown, Sequence[str], Sequence[str]]]:
    """Of those whose period is running: the thresholds reached before, and with what was added."""
    changed = list(changed)
    more = own_percents(one.allowance for one in changed)
    for one in changed:
        allowance, balance, added_nano = one
        if not _is_running(allowance, balance, now=now, calendar=calendar):
            continue
        spent_nano = balance.spent_nano + balance.adjusted_nano
        wanted = {*percents, *more.get((allowance.scope, allowance.entity_id), ())}
        before, found = (
            reached(nano, max_nano=allowance.max_at(now), soft_nano=allowance.soft_nano, percents=wanted)
            for nano in (spent_nano - added_nano, spent_nano)
        )
        yield one, before, found


def _is_running(allowance: Allowance, balance: Balance, *, now: datetime, calendar: Calendar) -> bool:
    """What a period was that is over is in the reports, and nobody's alarm."""
    return allowance.period(now, calendar=calendar)[0] == balance.period_start


def _tell_percents(
    allowance: Allowance,
    balance: Balance,
    fresh: Sequence[str],
    *,
    everybodys: Iterable[int],
    now: datetime,
    calendar: Calendar,
) -> None:
    """Of several that one roll-up reached the last says it all, to those of all of them.

    What only a list of addresses asks for is told to those, and to no channel.
    """
    event, listed = _event(allowance, balance, fresh, now=now, calendar=calendar)
    on_channels = [name for name in fresh if int(name) in set(everybodys)]
    if fresh[-1] in on_channels:
        _tell((event, listed))
        return
    if on_channels:
        alerts.services.tell([replace(event, threshold=on_channels[-1], emails=())])
    alerts.services.mail_only(event, now=now)


def _tell(told: tuple[BudgetThreshold, tuple[str, ...]]) -> None:
    """By the routes; and by mail to those in a list, where no channel writes to whom an alert concerns."""
    event, listed = told
    alerts.services.tell([event])
    if listed and not alerts.services.mails_owners():
        alerts.services.mail_only(replace(event, emails=listed), now=timezone.now())


def _event(
    allowance: Allowance, balance: Balance, thresholds: Sequence[str], *, now: datetime, calendar: Calendar
) -> tuple[BudgetThreshold, tuple[str, ...]]:
    """Of the last threshold, and who of its recipients stands in a list."""
    max_nano = allowance.max_at(now)
    concerned = concerned_by(allowance.scope, allowance.entity_id, thresholds=thresholds)
    event = BudgetThreshold(
        threshold=thresholds[-1],
        **facts(
            allowance.scope,
            allowance.entity_id,
            concerned=concerned,
            mail=Mail.SOFT_BUDGET if thresholds[-1] == SOFT else Mail.MAX_BUDGET,
            spent_nano=balance.spent_nano + balance.adjusted_nano,
            max_nano=max_nano,
            soft_nano=allowance.soft_nano,
            window=allowance.window,
            period=(balance.period_start, allowance.period(now, calendar=calendar)[1]),
        ),
    )
    return event, concerned.listed if event.emails else ()


def facts(
    scope: str,
    entity_id: str,
    *,
    concerned: Concerned,
    mail: Mail,
    spent_nano: int,
    max_nano: int | None,
    soft_nano: int | None,
    window: str,
    period: tuple[datetime, datetime | None],
) -> dict[str, Any]:
    """What every event of a budget says. Amounts are nano-dollars."""
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
        "emails": concerned.emails if is_mailed(mail) else (),
    }


def words_of(scope: str) -> str:
    """For people, such as "Team Member"."""
    return _WORDS[Scope(scope)]


def dollars(nano: int) -> str:
    return f"{(Decimal(nano) / NANO).normalize():f}"
