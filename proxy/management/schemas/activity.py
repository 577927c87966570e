"""Queries and answers of the activity routes (api.md 2.8)."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from proxy.management.schemas.fields import Answer, Name, Names, Object, OneOrMore
from proxy.management.schemas.spend import Days, Form, KeyDays


def _split_each(value: object) -> object:
    """Several parameters, several names in one, or both."""
    texts = value if isinstance(value, list) else [value]
    return [part.strip() for text in texts for part in str(text).split(",") if part.strip()]


Ids = Annotated[Names, BeforeValidator(_split_each)]


class Activity(KeyDays):
    format: Form = None


class ModelActivity(Activity):
    model_group: Name | None = None


class DailyActivity(Days):
    model: Name | None = Field(None, description="With or without its provider, or a model group.")
    api_key: OneOrMore | None = Field(None, description="Keys, or their hashes.")
    page: int = Field(1, ge=1, le=10**6)
    page_size: int = Field(50, ge=1, le=1000, description="Rows of the roll-up, of which a day has many.")
    format: Form = None


class UserActivity(DailyActivity):
    user_id: Name | None = None


class TeamActivity(DailyActivity):
    team_ids: Ids | None = None
    exclude_team_ids: Ids | None = None


class TagActivity(DailyActivity):
    tags: Ids | None = None


class CustomerActivity(DailyActivity):
    end_user_ids: Ids | None = None


class OrganizationActivity(DailyActivity):
    organization_ids: Ids | None = None


class GatewayDays(Days):
    format: Form = None


class DayCount(Answer):
    date: str
    api_requests: int
    total_tokens: int


class ActivityAnswer(Answer):
    daily_data: list[DayCount]
    sum_api_requests: int
    sum_total_tokens: int


class OneModelActivity(ActivityAnswer):
    model: str


class DayFailures(Answer):
    date: str
    num_exceptions: int


class Failures(Answer):
    daily_data: list[DayFailures]
    sum_num_exceptions: int


class CacheHits(Answer):
    api_key: str
    call_type: str
    cache_hit_true_rows: int
    cached_completion_tokens: int
    generated_completion_tokens: int
    total_rows: int


class DayMetrics(Answer):
    date: str
    metrics: Object
    breakdown: Object


class DailyAnswer(Answer):
    results: list[DayMetrics]
    metadata: Object


class DayResults(Answer):
    date: str
    successful_requests: int
    failed_requests: int


class RouteResults(Answer):
    category: str
    route: str
    successful_requests: int
    failed_requests: int


class GatewayActivity(Answer):
    total_successful_requests: int
    total_failed_requests: int
    by_date: list[DayResults]
    by_route: list[RouteResults]
