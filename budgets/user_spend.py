"""Users who spend more than somebody wants to hear of: in a day, in a month, or against what they usually do.

The day of a check is that of the hour that is over, so that what was spent just before midnight is not missed. What
comes in late is found by the first check of the following day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from alerts.events import Event, UserSpendAnomaly, UserSpendThreshold
from alerts.services import Report, Span
from budgets.reports import By
from budgets.spend_report import name_users
from budgets.spent_between import is_known, spent_between
from teams.money import NANO
from teams.periods import UTC_MIDNIGHT, Calendar

_LATE = timedelta(hours=1)
_INSTANT = timedelta(microseconds=1)
Amounts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UserLimits:
    """LiteLLM's names in `alerting_args`. Nano-dollars; None for what nobody wants to hear of."""

    daily_nano: int | None = None
    monthly_nano: int | None = None
    multiplier: float = 3.0
    baseline_days: int = 7
    minimum_nano: int = 10 * NANO
    anomalies: bool = False

    @property
    def wants_nothing(self) -> bool:
        return self.daily_nano is None and self.monthly_nano is None and not self.anomalies


def check_users(span: Span, *, limits: UserLimits, calendar: Calendar) -> Report:
    """Everybody who by now has crossed something in the day, or the month, of the span."""
    if limits.wants_nothing:
        return Report(silence="no threshold is set")
    last = (span.ends_at - _INSTANT).astimezone(calendar.zone).date()
    days = sorted({(span.starts_at - _LATE).astimezone(calendar.zone).date(), last})
    found = [event for day in days for event in _of_day(day, limits=limits, calendar=calendar)]
    return Report(
        content={"days": [day.isoformat() for day in days], "crossed": len(found)},
        crossings=tuple(found),
        silence="" if found else "nobody crossed a threshold",
    )


def _of_day(day: date, *, limits: UserLimits, calendar: Calendar) -> Iterator[Event]:
    begins, ends = calendar.begins(day), calendar.begins(day + timedelta(days=1))
    spent = _users(begins, ends)
    if limits.daily_nano is not None:
        yield from _thresholds(spent, limits.daily_nano, "Daily", day.isoformat())
    if limits.monthly_nano is not None:
        first = _beginning(day.replace(day=1), calendar)
        yield from _thresholds(_users(first, ends), limits.monthly_nano, "Monthly", f"{day:%Y-%m}")
    if limits.anomalies:
        suspects = {user: amount for user, amount in spent.items() if amount >= limits.minimum_nano}
        if suspects:
            since = _beginning(day - timedelta(days=limits.baseline_days), calendar)
            yield from _anomalies(suspects, _users(since, begins), day, limits=limits)


def _beginning(day: date, calendar: Calendar) -> datetime:
    """In UTC where the ledger no longer has the hours between."""
    begins = calendar.begins(day)
    return begins if is_known(begins) else UTC_MIDNIGHT.begins(day)


def _users(start: datetime, end: datetime) -> Amounts:
    found = spent_between(start, end, By.USER)
    return {user: spent.amount_nano for user, spent in found.items() if user}


def _thresholds(spent: Amounts, threshold_nano: int, period_name: str, period: str) -> Iterator[Event]:
    over = {user: amount for user, amount in spent.items() if amount >= threshold_nano}
    names = name_users(over)
    for user in sorted(over):
        yield UserSpendThreshold(
            user_id=user,
            name=names.get(user, user),
            period_name=period_name,
            period=period,
            spent=_cents(over[user]),
            threshold=_cents(threshold_nano),
        )


def _anomalies(spent: Amounts, baseline: Amounts, day: date, *, limits: UserLimits) -> Iterator[Event]:
    found = {user: baseline.get(user, 0) for user in spent}
    # Compared as whole numbers times the days: an average need not be one.
    odd = [
        user
        for user, before in found.items()
        if before <= 0 or spent[user] * limits.baseline_days > limits.multiplier * before
    ]
    names = name_users(odd)
    for user in sorted(odd):
        average = found[user] / limits.baseline_days
        yield UserSpendAnomaly(
            user_id=user,
            name=names.get(user, user),
            day=day.isoformat(),
            spent=_cents(spent[user]),
            daily_average=_cents(round(average)),
            baseline_days=limits.baseline_days,
            trigger=f"{spent[user] / average:.1f} times the daily average"
            if average > 0
            else f"without any spend in the {limits.baseline_days} days before",
        )


def _cents(nano: int) -> str:
    return f"{nano / NANO:,.2f}"
