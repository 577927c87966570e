"""Deployments whose model the provider takes out of service, or has.

By `model_info.deprecation_date`, else by the table of prices, into which LiteLLM's map brings its dates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone

from alerts.events import ModelsDeprecate, ModelsDeprecated
from alerts.services import Report, Span
from budgets.price_book import PriceBook, load_price_book
from budgets.prices import deprecation_date
from proxy.config.environment import from_environment
from proxy.models import Deployment
from proxy.providers.names import split_model

WARN_DAYS = 30
LISTED = 100


class Status(StrEnum):
    DEPRECATED = "deprecated"
    IMMINENT = "imminent"
    UPCOMING = "upcoming"


@dataclass(frozen=True, slots=True)
class Deprecation:
    model_name: str
    litellm_model: str
    litellm_provider: str
    deprecation_date: date
    days: int
    status: Status

    def as_json(self) -> dict[str, Any]:
        """In LiteLLM's shape (alerting.md 1.8)."""
        return {
            "model_name": self.model_name,
            "litellm_model": self.litellm_model,
            "deprecation_date": self.deprecation_date.isoformat(),
            "days_until_deprecation": self.days,
            "status": self.status.value,
            "litellm_provider": self.litellm_provider,
        }

    @property
    def line(self) -> str:
        when = f"already deprecated {-self.days}d ago" if self.days < 0 else f"in {self.days}d"
        told = f"{self.litellm_model}, deprecates {self.deprecation_date.isoformat()}, {when}"
        return f"{self.model_name} ({told})"


def deprecations(*, today: date, warn_within_days: int) -> list[Deprecation]:
    """The earliest first; each model of a group once, however many deployments it has."""
    found = set(_dated(today, warn_within_days))
    return sorted(found, key=lambda one: (one.deprecation_date, one.model_name, one.litellm_model))


def _dated(today: date, warn_within_days: int) -> Iterator[Deprecation]:
    book = load_price_book(now=timezone.now())
    rows = Deployment.objects.order_by()
    for name, params, info in rows.values_list("model_name", "litellm_params", "model_info"):
        if (at := _read_date(info.get("deprecation_date")) or _date_of_table(params, info, book)) is None:
            continue
        model = str(params.get("model", ""))
        days = (at - today).days
        yield Deprecation(
            model_name=name,
            litellm_model=model,
            litellm_provider=str(params.get("custom_llm_provider") or model.partition("/")[0]),
            deprecation_date=at,
            days=days,
            status=Status.DEPRECATED if days < 0 else Status.IMMINENT if days <= warn_within_days else Status.UPCOMING,
        )


def _date_of_table(params: Mapping[str, Any], info: Mapping[str, Any], book: PriceBook) -> date | None:
    model = from_environment(params.get("model"))
    if not isinstance(model, str):
        return None
    custom = params.get("custom_llm_provider")
    provider, name = split_model(model, custom_provider=custom if isinstance(custom, str) else None)
    base = info.get("base_model")
    return deprecation_date(provider=provider, model=base if isinstance(base, str) and base else name, book=book)


def _read_date(value: Any) -> date | None:
    """None for what is no date, such as LiteLLM's own sentence about how to write one."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None


def deprecation_report(*, job: str, span: Span, today: date, warn_within_days: int) -> Report:
    """Of what is deprecated or soon will be; what comes later is counted alone."""
    found = deprecations(today=today, warn_within_days=warn_within_days)
    by_status = {status: [one for one in found if one.status == status] for status in Status}
    gone, soon = by_status[Status.DEPRECATED], by_status[Status.IMMINENT]
    counts = {f"{status}_count": len(some) for status, some in by_status.items()}
    if not gone and not soon:
        return Report(content=counts, silence="no model in use is deprecated soon")
    parts = ((("Already deprecated"), gone), (f"Deprecating within {warn_within_days} days", soon))
    said = [f"{len(gone)} already deprecated"] * bool(gone) + [f"{len(soon)} soon"] * bool(soon)
    kind = ModelsDeprecated if gone else ModelsDeprecate
    event = kind(
        job=job,
        period=span.key,
        headline=f"Model deprecation warning for {today.isoformat()}: {', '.join(said)}",
        facts=tuple((name, str(count)) for name, count in counts.items()),
        parts=tuple((heading, tuple(one.line for one in some[:LISTED])) for heading, some in parts if some),
    )
    content = {**counts, "models": [one.as_json() for one in (*gone, *soon)]}
    return Report(content=content, events=(event,))
