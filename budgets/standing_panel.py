"""How the admin's pages show how budgets stand: bars with the same facts in words beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from budgets.core.thresholds import SOFT
from budgets.standing import Standing
from teams.admin.texts import dollars, unbroken
from teams.calendars import current_calendar

_TEMPLATE = "admin/budgets/standing.html"
_BAR = 100
# Classes for the text color, from which a bar takes its own.
_CALM = "text-primary-600 dark:text-primary-500"
_WARNED = "text-orange-700 dark:text-orange-400"
_USED_UP = "text-red-600 dark:text-red-500"


@dataclass(frozen=True, slots=True)
class Bar:
    """Widths and places of 100. `soft` and `projected` are None where there is nothing to mark."""

    spent: int
    color: str
    soft: int | None = None
    projected: int | None = None


def standing_panel(found: Sequence[Standing], *, ever_nano: int, now: datetime, link: str = "") -> SafeString:
    """`link` leads to the page on which a limit is tried out."""
    zone = current_calendar().zone
    windows = [_window(one, zone=zone, now=now) for one in found]
    return SafeString(render_to_string(_TEMPLATE, {"windows": windows, "ever": cents(ever_nano), "link": link}))


def standing_cell(found: Sequence[Standing], *, ever_nano: int) -> SafeString:
    """For a column of a list: the main window, or what was spent ever."""
    if not found:
        return unbroken(_("%(spent)s ever") % {"spent": cents(ever_nano)} if ever_nano else "-")
    one = found[0]
    if one.max_nano is None:
        return unbroken(cents(one.spent_nano))
    per = f" / {one.window}" if one.window else ""
    text = _("%(spent)s of %(limit)s") % {"spent": cents(one.spent_nano), "limit": f"{dollars(one.max_nano)}{per}"}
    context = {"bar": bar_of(one), "text": text, "thin": True}
    return SafeString(render_to_string("admin/budgets/bar.html", context))


def bar_of(one: Standing, *, forecast_nano: int | None = None) -> Bar:
    """The end of the bar is the budget, or for one that has only a soft mark, what is beyond it.

    `forecast_nano` is of the period's end, where the standing has no projection.
    """
    projected = one.projection.spend_at_end_nano if one.projection else forecast_nano
    soft_only = one.max_nano is None and one.soft_nano is not None
    whole = max(one.soft_nano or 0, one.spent_nano, projected or 0) if soft_only else one.max_nano
    full = one.max_nano is not None and one.spent_nano >= one.max_nano
    warned = SOFT in one.reached or any(name != SOFT and int(name) >= 80 for name in one.reached)
    return Bar(
        spent=_part(one.spent_nano, whole),
        color=_USED_UP if full and one.spent_nano > 0 else _WARNED if warned else _CALM,
        soft=None if one.soft_nano is None or not whole else _part(one.soft_nano, whole),
        projected=None if projected is None or projected <= one.spent_nano else _part(projected, whole),
    )


def _part(amount: int, whole: int | None) -> int:
    """Rounded up, so that the first cent is seen; a full bar is a budget that is used up."""
    if amount <= 0 or whole is None:
        return 0
    if amount >= whole:
        return _BAR
    return min(_BAR - 1, -(-amount * _BAR // whole))


def _window(one: Standing, *, zone: tzinfo, now: datetime) -> dict[str, object]:
    return {
        "title": _("Per %(window)s") % {"window": one.window} if one.window else _("Without reset"),
        "model": one.model,
        "bar": bar_of(one) if one.max_nano is not None or one.soft_nano is not None else None,
        "text": _spent(one),
        "period": _period(one, zone=zone, now=now),
        "reached": [_threshold(name) for name in one.reached],
        "facts": [*_marks(one, zone=zone), _forecast(one, zone=zone, now=now)],
    }


def _spent(one: Standing) -> str:
    spent = cents(one.spent_nano)
    if one.max_nano is None:
        return _("%(spent)s spent, no limit") % {"spent": spent}
    share = f", {one.spent_nano * 100 // one.max_nano} %" if one.max_nano else ""
    return _("%(spent)s of %(limit)s") % {"spent": spent, "limit": f"{dollars(one.max_nano)}{share}"}


def _period(one: Standing, *, zone: tzinfo, now: datetime) -> str:
    if one.ends is None:
        return _("Counts everything from the beginning.")
    facts = {"start": instant(one.period_start, zone), "end": instant(one.ends, zone), "left": _in(one.ends - now)}
    return _("Since %(start)s, resets %(end)s (%(left)s).") % facts


def _threshold(name: str) -> dict[str, str]:
    if name == SOFT:
        return {"text": _("soft budget"), "type": "warning"}
    return {"text": f"{name} %", "type": "danger" if int(name) >= 100 else "warning" if int(name) >= 80 else "info"}


def _marks(one: Standing, *, zone: tzinfo) -> list[str]:
    found = []
    if one.soft_nano is not None:
        found.append(_("Soft budget at %(amount)s.") % {"amount": dollars(one.soft_nano)})
    if one.increase_nano:
        amount = dollars(one.increase_nano)
        if one.increase_until:
            facts = {"amount": amount, "until": instant(one.increase_until, zone)}
            found.append(_("Contains a temporary increase of %(amount)s until %(until)s.") % facts)
        else:
            said = _("Contains a temporary increase of %(amount)s until it is taken back.")
            found.append(said % {"amount": amount})
    return found


def _forecast(one: Standing, *, zone: tzinfo, now: datetime) -> str:
    found = one.projection
    if found is None:
        return _("No forecast: it needs three whole days with some spending among the last 28.")
    parts = []
    if found.spend_at_end_nano is not None:
        parts.append(_("%(amount)s by the end of the period") % {"amount": cents(found.spend_at_end_nano)})
    if one.max_nano is not None:
        parts.append(_exhausted(found.exhausted_at, zone=zone, now=now))
    told = ", ".join(parts) or _("nothing to run out of")
    return _("Forecast from the last %(days)d days: %(told)s.") % {"days": found.days_seen, "told": told}


def _exhausted(at: datetime | None, *, zone: tzinfo, now: datetime) -> str:
    if at is None:
        return _("the budget lasts")
    if at <= now:
        return _("the budget is used up")
    return _("used up %(at)s (%(left)s)") % {"at": instant(at, zone), "left": _in(at - now)}


def cents(nano: int) -> str:
    """What is spent, to the cent; less than a cent with every digit."""
    return dollars(nano) if abs(nano) < 10_000_000 else dollars(round(nano, -7))


def instant(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone}"


def _in(left: timedelta) -> str:
    if (days := left // timedelta(days=1)) >= 1:
        return ngettext("in %(number)d day", "in %(number)d days", days) % {"number": days}
    if (hours := left // timedelta(hours=1)) >= 1:
        return ngettext("in %(number)d hour", "in %(number)d hours", hours) % {"number": hours}
    if (minutes := left // timedelta(minutes=1)) >= 1:
        return ngettext("in %(number)d minute", "in %(number)d minutes", minutes) % {"number": minutes}
    return _("in less than a minute")
