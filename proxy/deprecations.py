"""Deployments whose model the provider takes out of service, or has: by `model_info.deprecation_date`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from alerts.events import ModelsDeprecate, ModelsDeprecated
from alerts.services import Report, Span
from proxy.models import Deployment

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
    rows = Deployment.objects.filter(model_info__has_key="deprecation_date").order_by()
    for name, params, info in rows.values_list("model_name", "litellm_params", "model_info"):
        if (at := _read_date(info.get("deprecation_date"))) is None:
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
