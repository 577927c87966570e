"""Bodies and answers of the routes about health checks (api.md 2.9)."""

from typing import Literal

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Name, Object, Text, Time
from proxy.management.schemas.models import LitellmParams


class HistoryQuery(Body):
    """`status_filter` is LiteLLM's name for `status`."""

    model: Name | None = None
    model_id: Name | None = None
    status: Literal["healthy", "unhealthy"] | None = None
    status_filter: Literal["healthy", "unhealthy"] | None = None
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10**9)


class CheckObject(Answer):
    health_check_id: str
    model_name: str
    model_id: str
    status: str
    healthy_count: int
    unhealthy_count: int
    error_message: str | None
    response_time_ms: int
    details: Object
    checked_by: str
    checked_at: Time
    created_at: Time


class HistoryAnswer(Answer):
    health_checks: list[CheckObject]
    total_records: int
    limit: int
    offset: int


class LatestAnswer(Answer):
    latest_health_checks: dict[str, CheckObject]
    total_models: int


class ModelInfo(Body):
    def everything(self) -> Object:
        return self.model_dump(exclude_unset=True)


class Connection(Body):
    litellm_params: LitellmParams
    mode: Text | None = None
    model_info: ModelInfo = ModelInfo()


class ConnectionAnswer(Answer):
    status: Literal["success", "error"]
    result: Object
