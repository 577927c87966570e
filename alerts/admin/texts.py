"""How times, states and reasons are written on these pages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from alerts.core.message import one_line, truncate
from alerts.core.routing import Reason
from alerts.models import DeliveryKind, DeliveryState, IncidentStatus

STATUSES = {
    IncidentStatus.OPEN: "danger",
    IncidentStatus.ACKNOWLEDGED: "warning",
    IncidentStatus.RESOLVED: "success",
    IncidentStatus.DISMISSED: None,
}
STATES = {
    DeliveryState.DELIVERED: "success",
    DeliveryState.DEAD: "danger",
    DeliveryState.PENDING: "warning",
    DeliveryState.SENDING: "info",
}
# The labels of the kinds themselves stand in timelines, in English.
KINDS: Mapping[str, Any] = {
    DeliveryKind.FIRING: _("Firing"),
    DeliveryKind.REPEAT: _("Still firing"),
    DeliveryKind.ESCALATED: _("Escalated"),
    DeliveryKind.ACKNOWLEDGED: _("Acknowledged"),
    DeliveryKind.RESOLVED: _("Resolved"),
    DeliveryKind.NOTICE: _("Notice"),
    DeliveryKind.DIGEST: _("Digest"),
}

# `incidents.WHY_NOT` says some of it in the timeline, in English.
REASONS: Mapping[str, Any] = {
    Reason.DELIVER: _("It was told."),
    Reason.DIGEST: _("It is told together with others of its type."),
    Reason.REPEAT_INTERVAL: _("It was told before, and its repeat interval is not over."),
    Reason.ACKNOWLEDGED: _("Somebody acknowledged it, so it is not told again."),
    Reason.SILENCED: _("A silence holds."),
    Reason.INHIBITED: _("An outage that is open speaks for it."),
    Reason.FLAPPING: _("It comes and goes; it is told again after its repeat interval."),
    Reason.TYPE_DISABLED: _("Alerts of this type are switched off."),
    Reason.NO_ROUTE: _("No route leads to a channel."),
}


def in_words(reason: str) -> str:
    return str(REASONS.get(reason, reason.replace("_", " ")))


def clock(at: datetime | None) -> str:
    return "-" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def minute(at: datetime | None) -> SafeString:
    """A time that fits into a column."""
    return unbroken(clock(at))


def second(at: datetime | None) -> SafeString:
    return unbroken("-" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S"))


def unbroken(text: str) -> SafeString:
    return format_html('<span class="tk-nowrap">{}</span>', text)


def short(text: str, most: int = 120) -> str:
    return truncate(one_line(text), most)


def span(seconds: float) -> str:
    """A length of time, in its two largest units."""
    left, found = int(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number:
            found.append(f"{number} {unit}")
    return " ".join(found[:2]) or "0 s"
