"""How much of a provider's bill the ledger has, day by day compared: `general_settings.spend_capture_rate_check`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Self

from django.db.models import Sum
from django.db.models.functions import Coalesce

from alerts.events import SpendNotCaptured
from alerts.services import Report
from budgets.core.pricing import SHARE
from budgets.models import LedgerEntry, LedgerHorizon
from budgets.spend_report import dollars
from proxy.models import ConfigField, Section
from proxy.openai_costs import PAUSES, BillUnreadable, billed_nano
from proxy.price_sources import stored_sources

# LiteLLM's hour, 01:15 in UTC: a bill is not complete at midnight.
BILLED_AFTER = timedelta(minutes=75)
_OPENAI = "openai"
# By these names of ours it is OpenAI who is asked.
_PROVIDERS = (_OPENAI, "text-completion-openai")


@dataclass(frozen=True, slots=True)
class CaptureCheck:
    """`threshold` is the least part of the bill that the ledger must have."""

    threshold: float = 0.9
    lookback_days: int = 7
    project_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls) -> Self | None:
        """As it is stored; None where nobody asks for it."""
        rows = ConfigField.objects.filter(section=Section.GENERAL, name="spend_capture_rate_check").order_by()
        given = rows.values_list("value", flat=True).first()
        if not isinstance(given, dict):
            return None
        return cls(
            threshold=float(given.get("threshold", 0.9)),
            lookback_days=int(given.get("lookback_days", 7)),
            project_ids=tuple(given.get("openai_project_ids") or ()),
        )


def capture_report(
    check: CaptureCheck, *, until: datetime, environment: Mapping[str, str], pauses: Sequence[float] = PAUSES
) -> Report:
    """Of the days before `until`, midnight in UTC, as far as the ledger is kept."""
    since = max(until - timedelta(days=check.lookback_days), _ledger_begins(until))
    if since >= until:
        return Report(silence="the ledger is kept for less than a day")
    dates = f"{since:%Y-%m-%d} to {until - timedelta(days=1):%Y-%m-%d}"
    content: dict[str, Any] = {"provider": _OPENAI, "days": dates}
    key = environment.get("OPENAI_ADMIN_KEY", "").strip()
    if not key:
        said = "Spend capture check: OPENAI_ADMIN_KEY is not set, so OpenAI's bill cannot be read."
        return _told(content, "credential", said)
    captured = recorded_nano(since, until)
    try:
        billed = billed_nano(
            since=since, until=until, project_ids=check.project_ids, key=key,
            base_url=environment.get("OPENAI_ADMIN_BASE_URL", ""), pauses=pauses,
        )  # fmt: skip
    except BillUnreadable as error:
        return _told(content, "unreadable", f"Spend capture check: OpenAI's bill cannot be read. {error}")
    content |= {"captured_nano": captured, "billed_nano": billed}
    if billed <= 0:
        return Report(content=content, silence="nothing was billed")
    rate = Decimal(captured) / Decimal(billed)
    content["rate"] = round(float(rate), 4)
    if rate >= Decimal(str(check.threshold)):
        return Report(content=content, silence=f"{rate:.1%} of the bill are in the ledger")
    said = (
        f"Spend capture check: only {rate:.1%} of OpenAI's bill are in the ledger. {dollars(captured)} recorded of "
        f"{dollars(billed)} billed, {dates}"
    )
    facts = {
        "Recorded": dollars(captured),
        "Billed": dollars(billed),
        "Not recorded": dollars(billed - captured),
        "At least": f"{check.threshold:.0%}",
        "Days": dates,
    }
    return _told(content, "below", said, facts)


def recorded_nano(since: datetime, until: datetime) -> int:
    """As the provider would bill it: with what the gateway asks for itself, after its discount, without our margin."""
    rows = LedgerEntry.objects.filter(started_at__gte=since, started_at__lt=until, provider__in=_PROVIDERS)
    listed = rows.order_by().aggregate(sum=Sum(Coalesce("original_nano", "amount_nano")))["sum"] or 0
    terms = stored_sources().terms.of(_OPENAI)
    return int(listed * (SHARE - terms.discount)) // SHARE if terms else int(listed)


def _ledger_begins(until: datetime) -> datetime:
    """The first midnight of which all is there."""
    horizon = LedgerHorizon.objects.order_by("pk").values_list("before", flat=True).first()
    if horizon is None:
        return datetime.min.replace(tzinfo=until.tzinfo)
    horizon = horizon.astimezone(until.tzinfo)
    midnight = datetime.combine(horizon.date(), time(), until.tzinfo)
    return midnight if midnight == horizon else midnight + timedelta(days=1)


def _told(content: Mapping[str, Any], problem: str, said: str, facts: Mapping[str, str] | None = None) -> Report:
    event = SpendNotCaptured(provider=_OPENAI, problem=problem, said=said, facts=tuple((facts or {}).items()))
    return Report(content={**content, "problem": problem}, events=(event,))
