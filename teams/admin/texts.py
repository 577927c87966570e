"""How amounts, limits and states are written on pages."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.models import Limits, VirtualKey
from teams.money import NANO

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Promise
else:
    from django.utils.functional import Promise

Text = str | Promise
STATES = {"Active": "success", "Blocked": "danger", "Expired": "warning"}
_STATES = {"Active": _("Active"), "Blocked": _("Blocked"), "Expired": _("Expired")}


def said(text: Text, **facts: object) -> Promise:
    """A sentence with facts in it, in the language of whoever reads it: what is recorded is read in English."""
    return lazy(lambda: str(text) % facts, str)()  # type: ignore[return-value] # a proxy, to Django's stubs a text


def badge(text: Text, tone: str | None = None) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"type": tone, "text": text})


def state_badge(row: Any, *, now: datetime) -> SafeString:
    state = state_of(row, now=now)
    return badge(_STATES[state], STATES[state])


def dollars(nano: int | None) -> str:
    """Every digit down to the nano-dollar, without trailing zeros beyond cents."""
    if nano is None:
        return "-"
    text = f"{abs(nano) // NANO:,}.{abs(nano) % NANO:09d}"
    cents, rest = text[:-7], text[-7:].rstrip("0")
    return f"{'-' if nano < 0 else ''}${cents}{rest}"


def budget_of(row: Limits) -> SafeString:
    """What a period may cost, and how long it lasts."""
    if row.max_budget_nano is None:
        return unbroken("-")
    per = f" / {row.budget_duration}" if row.budget_duration else ""
    return unbroken(f"{dollars(row.max_budget_nano)}{per}")


def minute(at: datetime | None) -> SafeString:
    """A time that fits into a column."""
    return unbroken("-" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M"))


def unbroken(text: str) -> SafeString:
    return format_html('<span class="tk-nowrap">{}</span>', text)


def state_of(row: Any, *, now: datetime) -> str:
    if row.blocked:
        return "Blocked"
    return "Expired" if isinstance(row, VirtualKey) and row.expires_at and row.expires_at <= now else "Active"
