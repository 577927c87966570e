"""Queries and answers of the audit routes."""

from datetime import UTC, datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Name, Object, Time

_DAY = len("2026-11-23")


def _from(value: Any) -> Any:
    return _moment(value, day_from=time.min)


def _until(value: Any) -> Any:
    return _moment(value, day_from=time.max)


def _moment(value: Any, *, day_from: time) -> Any:
    """A day alone means the whole of it; what has no zone is UTC."""
    if not isinstance(value, str):
        return value
    try:
        if len(value) == _DAY:
            return datetime.combine(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC), day_from, UTC)
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("use YYYY-MM-DD or an ISO 8601 date and time") from None


class AuditList(Body):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10, ge=1, le=100)
    changed_by: Name | None = Field(None, description="A user id: who did it, or for whom it was done.")
    actor_id: Name | None = Field(None, description="A user id: who did it.")
    action: Name | None = Field(None, description="created, updated or deleted.")
    object_type: Name | None = Field(None, description="Such as key, team, user, budget, deployment.")
    table_name: Name | None = Field(None, description="Such as LiteLLM_VerificationToken.")
    object_id: Name | None = None
    source: Name | None = Field(None, description="api, admin, config, command or system.")
    start_date: Annotated[datetime | None, BeforeValidator(_from)] = None
    end_date: Annotated[datetime | None, BeforeValidator(_until)] = None


class AuditObject(Answer):
    id: str
    updated_at: Time
    changed_by: str | None
    changed_by_api_key: str | None
    action: str
    table_name: str | None
    object_id: str
    before_value: Object | None
    updated_values: Object | None
    object_type: str
    object_label: str
    source: str
    actor_role: str | None
    address: str | None
    acting_for: str | None
    change_id: str


class AuditPage(Answer):
    audit_logs: list[AuditObject]
    total: int
    page: int
    page_size: int
    total_pages: int
