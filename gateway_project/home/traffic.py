"""The home's numbers of money and calls: tiles of today and of the month, and charts over a window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from budgets.home import Money, money_of
from budgets.reports import By, Question
from budgets.spend_chart import LINES
from budgets.standing_panel import cents
from budgets.totals import month_of
from budgets.traffic import Counts, Traffic, days_asked, everybodys_days, everybodys_hours, last_hours, midnight
from gateway_project.home.charts import Chart, Series, Subject, bar_chart, line_chart
from gateway_project.home.words import day_label, hour_label, length, milliseconds_of, number

_CENT = 10**7
_LEAST_MILLISECONDS = 100
# The forecast looks back over 28 whole days, the longest window over 30 with today.
_LOOKS_BACK = 29
Conditions = tuple[Mapping[By, Sequence[str]], ...]


class Window(StrEnum):
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_DAYS = {Window.WEEK: 7, Window.MONTH: 30}


@dataclass(frozen=True, slots=True)
class Numbers:
    """`days` are all that were read, `shown` the slots of the window by when they begin."""

    days: Mapping[date, Traffic]
    today: Traffic
    money: Money
    window: Window
    shown: Mapping[datetime, Traffic]
    is_timed: bool
    has_any: bool


def everybodys_numbers(window: Window, *, now: datetime) -> Numbers:
    """Three queries at most, of some dozen rows whatever the traffic."""
    today = now.astimezone(UTC).date()
    first = min(month_of(today), today - timedelta(days=_LOOKS_BACK))
    days = everybodys_days(first=first, last=today)
    if window is Window.DAY:
        shown = last_hours(everybodys_hours(now - timedelta(days=1)), number=24, now=now)
    else:
        shown = _last_days(days, window, today)
    return _numbers(window, days, shown, today=today, now=now, is_timed=True)


def own_numbers(window: Window, any_of: Conditions, *, now: datetime) -> Numbers:
    """Of the calls that meet one of the conditions. What is told apart by whose it is is known by the day alone."""
    today = now.astimezone(UTC).date()
    first = min(month_of(today), today - timedelta(days=_LOOKS_BACK))
    days = days_asked(Question(first=first, last=today, any_of=any_of), first=first, last=today)
    window = Window.WEEK if window is Window.DAY else window
    return _numbers(window, days, _last_days(days, window, today), today=today, now=now, is_timed=False)


def _last_days(days: Mapping[date, Traffic], window: Window, today: date) -> dict[datetime, Traffic]:
    first = today - timedelta(days=_DAYS[window] - 1)
    return {midnight(day): traffic for day, traffic in days.items() if day >= first}


def _numbers(
    window: Window,
    days: Mapping[date, Traffic],
    shown: Mapping[datetime, Traffic],
    *,
    today: date,
    now: datetime,
    is_timed: bool,
) -> Numbers:
    return Numbers(
        days=days,
        today=days[today],
        money=money_of(days, now=now),
        window=window,
        shown=shown,
        is_timed=is_timed,
        has_any=any(one.calls for one in days.values()),
    )


def charts(found: Numbers) -> list[Chart]:
    """Of spend and calls, and of how long these took where that is known."""
    subject = _subject(found)
    slots = list(found.shown.values())
    drawn = [
        bar_chart(
            subject(
                _("Spend"),
                _("What the ledger says calls cost, by when they began. A correction counts when it was made."),
                cents,
                LINES * _CENT,
            ),
            [Series(_("Spend"), "tk-money", [one.amount_nano for one in slots])],
        ),
        bar_chart(
            subject(
                _("Calls"),
                _(
                    "Calls of upstreams: a request that is retried or falls back makes several, one that the gateway "
                    "itself refuses makes none."
                ),
                number,
                LINES,
            ),
            [
                Series(_("answered"), "tk-good", [one.calls - one.failures for one in slots]),
                Series(_("failed"), "tk-bad", [one.failures for one in slots]),
            ],
        ),
    ]
    if not found.is_timed:
        return drawn
    latency = subject(_("Latency"), why_latency(), length, _LEAST_MILLISECONDS)
    first_token = subject(
        _("Time to first token"),
        _("As latency, but until the first token, and of streamed answers alone."),
        length,
        _LEAST_MILLISECONDS,
    )
    return [
        *drawn,
        line_chart(latency, _percentiles([one.seconds for one in slots])),
        line_chart(first_token, _percentiles([one.first_token for one in slots])),
    ]


def why_latency() -> str:
    return _(
        "Half of the answers (p50) and 95 % of them (p95) took no longer from asking the upstream to the answer's end. "
        "They are counted in steps of 2 %, so it is exact to 1 %. Failed calls are left out."
    )


def _subject(found: Numbers) -> Callable[[str, str, Callable[[int], str], int], Subject]:
    """Of a chart of the window's slots: its title, what it is made of, how its numbers are written, how high it is."""
    is_hours = found.window is Window.DAY
    names = [f"{at:%Y-%m-%d %H:%M}" if is_hours else f"{at:%Y-%m-%d}" for at in found.shown]
    labels = [hour_label(at) if is_hours else day_label(at.date()) for at in found.shown]
    return lambda title, why, say, least: Subject(title, why, names, labels, say, least)


def _percentiles(counts: Sequence[Counts]) -> list[Series]:
    return [
        Series("p50", "tk-p50", [milliseconds_of(one, 0.5) for one in counts]),
        Series("p95", "tk-p95", [milliseconds_of(one, 0.95) for one in counts]),
    ]
