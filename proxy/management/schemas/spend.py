"""Queries and answers of the spend routes (api.md 2.8), but for single calls and activity by day."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, CommaSeparated, Count, Id, Name, Names, Object
from proxy.management.schemas.users import UserObject

Date = Annotated[str, Field(max_length=40)]
First = Annotated[Date | None, Field(description="The first day, YYYY-MM-DD, UTC.")]
Last = Annotated[Date | None, Field(description="The last day; the whole of it counts.")]
Form = Annotated[
    Literal["json", "csv"] | None, Field(description="csv: a file with one line a group; so does Accept: text/csv.")
]
Most = Annotated[int, Field(ge=1, le=10_000)]


class Days(Body):
    start_date: First = None
    end_date: Last = None


class KeyDays(Days):
    api_key: Name | None = Field(None, description="A key, or its hash.")


class Top(Body):
    limit: Most = 100


class TopUsers(Top):
    user_id: Name | None = None


class OfKey(Body):
    api_key: Name | None = Field(None, description="A key, or its hash.")


class TagDays(Days):
    tags: CommaSeparated | None = Field(None, description="Names, separated by commas; all of them for who names none.")


class EndUsers(Body):
    api_key: Name | None = Field(None, description="A key, or its hash.")
    startTime: Date | None = Field(None, description="Of spend, whole days are known.")  # noqa: N815 - LiteLLM's
    endTime: Date | None = None  # noqa: N815


class Report(Days):
    group_by: Literal["team", "customer", "api_key"] | None = Field(None, description="team, for who names nothing.")
    api_key: Name | None = Field(None, description="A key, or its hash.")
    internal_user_id: Name | None = None
    team_id: Name | None = None
    customer_id: Name | None = None
    details: bool = Field(True, description="false: without what each model and key has cost (`metadata`).")
    format: Form = None


class Calculate(Body):
    model: Name | None = None
    messages: list[Any] | None = Field(None, max_length=10_000)
    completion_response: Object | None = Field(None, description="An answer, with its model and usage.")


class Estimate(Body):
    model: Id
    input_tokens: Annotated[int, Field(ge=0, le=10**9)]
    output_tokens: Annotated[int, Field(ge=0, le=10**9)]
    num_requests_per_day: Annotated[int, Field(ge=0, le=10**9)] | None = None
    num_requests_per_month: Annotated[int, Field(ge=0, le=10**9)] | None = None


class UserSpend(UserObject):
    key_aliases: list[str]


class GlobalSpend(Answer):
    spend: float = Field(description="Of the last 30 days.")
    max_budget: float


class DaySpend(Answer):
    date: str
    spend: float


class KeySpend(Answer):
    api_key: str
    key_alias: str | None
    key_name: str | None
    total_spend: float


class ModelSpend(Answer):
    model: str
    total_spend: float


class ProviderSpend(Answer):
    provider: str
    spend: float


class TeamTotal(Answer):
    team_id: str
    total_spend: float


class TeamSpend(Answer):
    daily_spend: list[Object] = Field(description="A date, and spend by the team's alias.")
    teams: list[str]
    total_spend_per_team: list[TeamTotal]


class TagSpend(Answer):
    individual_request_tag: str
    log_count: int
    total_spend: float


class NamedTagSpend(Answer):
    name: str
    spend: float
    log_count: int


class SpendPerTag(Answer):
    spend_per_tag: list[NamedTagSpend]


class TagNames(Answer):
    tag_names: Names


class EndUserSpend(Answer):
    end_user: str
    total_count: Count
    total_spend: float


class ReportAnswer(RootModel[list[Object]]):
    """By day, `teams`, `customers` or `teams_customers`; or by key, `model_details`."""


class SpendReset(Answer):
    message: str
    status: str


class ProviderBudget(Answer):
    budget_limit: float
    time_period: str | None
    spend: float
    budget_reset_at: str | None


class ProviderBudgets(Answer):
    providers: dict[str, ProviderBudget]


class CalculatedCost(Answer):
    cost: float


class EstimatedCost(Answer):
    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    num_requests_per_day: int | None
    num_requests_per_month: int | None
    cost_per_request: float
    input_cost_per_request: float
    output_cost_per_request: float
    margin_cost_per_request: float
    daily_cost: float | None
    daily_input_cost: float | None
    daily_output_cost: float | None
    daily_margin_cost: float | None
    monthly_cost: float | None
    monthly_input_cost: float | None
    monthly_output_cost: float | None
    monthly_margin_cost: float | None
    input_cost_per_token: float
    output_cost_per_token: float
