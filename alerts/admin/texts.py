"""How times, states and reasons are written on these pages."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alerts.core.message import one_line, truncate
from alerts.core.routing import Reason
from alerts.incidents import WHY_NOT

STATUSES = {"Firing": "danger", "Acknowledged": "warning", "Resolved": "success", "Dismissed": None}
STATES = {"Delivered": "success", "Given up": "danger", "Waiting": "warning", "Sending": "info"}

REASONS: Mapping[str, str] = {
    Reason.DELIVER: "It was told.",
    Reason.DIGEST: "It is told together with others of its type.",
    Reason.REPEAT_INTERVAL: "It was told before, and its repeat interval is not over.",
    Reason.ACKNOWLEDGED: "Somebody acknowledged it, so it is not told again.",
    **{str(reason): words for reason, words in WHY_NOT.items()},
}


def in_words(reason: str) -> str:
    return REASONS.get(reason, reason.replace("_", " "))


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
