"""How amounts, limits and states are written on pages."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from teams.models import Limits, VirtualKey
from teams.money import NANO

STATES = {"Active": "success", "Blocked": "danger", "Expired": "warning"}


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
