"""Which models in use are or will be deprecated (alerting.md 1.8)."""

from typing import Any

from pydantic import Field

from budgets.report_spans import report_calendar
from proxy.deprecations import WARN_DAYS, Status, deprecations
from proxy.management.base import Access, Body, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.schemas.fields import Answer, Time


class WarnWithin(Body):
    warn_within_days: int = Field(WARN_DAYS, ge=0, le=3650)


class DeprecatedModel(Answer):
    model_name: str
    litellm_model: str
    deprecation_date: str
    days_until_deprecation: int
    status: str
    litellm_provider: str


class DeprecatedModels(Answer):
    deprecated: list[DeprecatedModel]
    imminent: list[DeprecatedModel]
    upcoming: list[DeprecatedModel]
    warn_within_days: int
    checked_at: Time


class Deprecations(ManagementViewSet):
    tag = "models"

    @route("GET", "/model/deprecations", "/v1/model/deprecations", access=Access.ADMIN_READ, query=WarnWithin,
           answer=DeprecatedModels)  # fmt: skip
    def list(self, call: Call, query: WarnWithin) -> dict[str, Any]:
        """Models that the provider has taken out of service, soon will and later will, by their dates."""
        now = utc_now()
        today = now.astimezone(report_calendar().zone).date()
        found = deprecations(today=today, warn_within_days=query.warn_within_days)
        return {
            **{status.value: [one.as_json() for one in found if one.status == status] for status in Status},
            "warn_within_days": query.warn_within_days,
            "checked_at": now.isoformat(),
        }
